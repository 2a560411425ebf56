SELECT count(*) FROM (SELECT 1 FROM entries WHERE kind = 'refund' LIMIT 1);
