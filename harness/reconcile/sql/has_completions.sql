SELECT count(*) FROM (SELECT 1 FROM calls WHERE completion_id IS NOT NULL LIMIT 1);
