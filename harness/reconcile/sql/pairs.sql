-- Both sides of each odd id. Where the wire reported no tokens and the ledger tells its own, those are priced.
CREATE TABLE pairs AS
WITH asked AS (
  SELECT $pair AS id, calls.*, $called_inside AS inside
  FROM calls WHERE $pair IN (SELECT id FROM odd)
),
call AS (
  SELECT *, count(*) OVER (PARTITION BY id) AS times FROM asked
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY due DESC NULLS LAST, started, completion DESC) = 1
),
told AS (
  SELECT request_id AS id, count(*) AS entries,
    count(*) FILTER (kind = 'charge') AS charges, count(*) FILTER (kind = 'refund') AS refunds,
    count(*) FILTER (kind = 'hold') AS holds, count(*) FILTER (kind = 'void') AS voids,
    coalesce(sum(nano) FILTER (kind = 'charge'), 0) AS gross,
    coalesce(sum(nano) FILTER (kind = 'refund'), 0) AS refunded,
    coalesce(sum(nano) FILTER (kind = 'hold'), 0) AS held,
    max(nano) FILTER (kind = 'refund') AS largest_refund,
    min(moment) AS first_at, max(moment) AS last_at,
    min(moment) FILTER (kind = 'charge') AS charged_first, max(moment) FILTER (kind = 'charge') AS charged_last,
    bool_or($entered_inside) AS told_inside,
    max(model) AS told_model, max(account) AS account,
    max(prompt) FILTER (kind = 'charge') AS told_prompt, max(completion) FILTER (kind = 'charge') AS told_completion
  FROM entries WHERE request_id IN (SELECT id FROM odd) GROUP BY request_id
),
sides AS (
  SELECT odd.id, call.* EXCLUDE (id, request_id, completion_id, due), call.due AS due_seen, told.* EXCLUDE (id)
  FROM odd LEFT JOIN call ON call.id = odd.id LEFT JOIN told ON told.id = odd.id
),
counted AS (
  SELECT *, coalesce(prompt, told_prompt) AS p,
    coalesce(completion, least(told_completion, max_tokens * choices)) AS c
  FROM sides
)
SELECT * EXCLUDE (prompt, completion, gross, refunded, entries, charges, refunds, holds, voids, held),
  coalesce(entries, 0) AS entries, coalesce(charges, 0) AS charges, coalesce(refunds, 0) AS refunds,
  coalesce(holds, 0) AS holds, coalesce(voids, 0) AS voids, coalesce(held, 0) AS held,
  coalesce(gross, 0) AS gross, coalesce(refunded, 0) AS refunded,
  coalesce(gross, 0) - coalesce(refunded, 0) AS net,
  CASE WHEN times IS NULL THEN 'unknown' WHEN coalesce(entries, 0) = 0 THEN 'missing' ELSE 'matched' END AS state,
  worth(p, c, cached, pp, cp, kp) AS exact,
  CASE WHEN times IS NULL THEN 0 ELSE coalesce(due_seen, CAST(nano(worth(p, c, cached, pp, cp, kp)) AS BIGINT)) END AS due,
  times IS NOT NULL AND due_seen IS NULL AND worth(p, c, cached, pp, cp, kp) IS NOT NULL AS by_told
FROM counted;
