-- Ids that need a closer look; it does no harm that some do not. Every other id is one call in the window that owes
-- something and was charged exactly that, once and in time, or one that owes nothing and is not in the ledger.
-- One statement after the other, so that each has all the memory there is.
CREATE VIEW asked AS SELECT $pair AS id, due, started, ended, $called_inside AS inside FROM calls;
CREATE VIEW charges AS SELECT request_id, nano, moment, $entered_inside AS inside FROM entries WHERE kind = 'charge';
CREATE TABLE others AS SELECT request_id, kind, $entered_inside AS inside FROM entries WHERE kind <> 'charge';

CREATE TABLE found AS
SELECT coalesce(asked.id, charges.request_id) AS id
FROM asked FULL JOIN charges ON charges.request_id = asked.id
WHERE CASE
  WHEN asked.id IS NULL THEN charges.inside
  WHEN NOT asked.inside THEN FALSE
  WHEN charges.request_id IS NULL THEN due IS NULL OR due <> 0
  ELSE due IS NULL OR due = 0 OR nano <> due
    OR coalesce(moment > ended + $grace OR moment < started - $grace, FALSE)
END;

-- Ids that come again, by hash, which is quick: two ids with one hash are only looked at in vain.
CREATE TABLE again AS SELECT hash(id) AS h FROM asked GROUP BY 1 HAVING count(*) > 1;
INSERT INTO again SELECT hash(request_id) FROM charges GROUP BY 1 HAVING count(*) > 1;
INSERT INTO found SELECT id FROM asked WHERE inside AND hash(id) IN (SELECT h FROM again);

INSERT INTO found SELECT id FROM asked WHERE inside AND due = 0 AND id IN (SELECT request_id FROM others);
INSERT INTO found SELECT id FROM asked WHERE inside AND id IN (SELECT request_id FROM others WHERE kind = 'refund');
INSERT INTO found SELECT request_id FROM others WHERE inside AND request_id NOT IN (SELECT id FROM asked);
CREATE TABLE odd AS SELECT DISTINCT id FROM found;
