-- Ids that need a closer look. Every other id is one call in the window that owes something and was charged exactly
-- that, once and in time, or one that owes nothing and is not in the ledger.
CREATE TABLE odd AS
SELECT id FROM (
  SELECT coalesce($pair, '(no id) ' || rowid) AS id, TRUE AS called, $called_inside AS inside, due, started, ended,
    NULL::BIGINT AS net, NULL::BIGINT AS charged_at, NULL::BOOLEAN AS charged, NULL::BOOLEAN AS held, NULL::BOOLEAN AS voided
  FROM calls
  UNION ALL
  SELECT request_id, NULL, $entered_inside, NULL, NULL, NULL,
    CASE kind WHEN 'charge' THEN nano WHEN 'refund' THEN -nano ELSE 0 END,
    CASE kind WHEN 'charge' THEN moment END,
    CASE kind WHEN 'charge' THEN TRUE END, CASE kind WHEN 'hold' THEN TRUE END, CASE kind WHEN 'void' THEN TRUE END
  FROM entries
)
GROUP BY id
HAVING CASE
  WHEN count(called) = 0 THEN bool_or(inside)
  WHEN count(CASE WHEN called AND inside THEN 1 END) = 0 THEN FALSE
  ELSE count(called) > 1 OR count(due) = 0 OR count(charged) > 1
    OR (max(due) = 0 AND count(net) > 0)
    OR coalesce(sum(net), 0) <> max(due)
    OR (count(held) > 0 AND count(charged) = 0 AND count(voided) = 0)
    OR coalesce(max(charged_at) > max(ended) + $grace OR min(charged_at) < min(started) - $grace, FALSE)
END;
