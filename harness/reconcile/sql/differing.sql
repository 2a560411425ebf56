SELECT count(*) FROM (SELECT 1 FROM pairs WHERE abs(net - due) > $tolerance LIMIT 1);
