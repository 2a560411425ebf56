-- Calls in the window by outcome, odd or not; an id that was called twice is counted and owed once.
SELECT outcome, count(*) AS ids, sum(due) AS due, count(*) FILTER (due > 0) AS owing
FROM calls
WHERE $called_inside AND $pair NOT IN (SELECT id FROM odd)
GROUP BY outcome ORDER BY outcome;
