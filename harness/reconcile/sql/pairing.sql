SELECT count(*) FROM entries WHERE request_id IN (SELECT $pair FROM calls WHERE $pair IS NOT NULL);
