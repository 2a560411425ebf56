-- The first and the last call in the window that the ledger knows.
SELECT min(started), max(started) FROM calls
WHERE $called_inside AND (due > 0 OR due IS NULL)
  AND $pair NOT IN (SELECT id FROM pairs WHERE state = 'missing');
