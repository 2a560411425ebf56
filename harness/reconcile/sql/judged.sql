-- What each odd id differs by, and every cause it is consistent with as one bit of a number.
CREATE TABLE judged AS
SELECT id, state, outcome, stream, model, account, p, c, cached, reasoning, due, net, charges, refunds, entries, started,
  ended, charged_first, charged_last, first_at, times, by_told, told_prompt, told_completion, told_model,
  net - due AS diff,
  holds > 0 AND charges = 0 AND voids = 0 AS left_held, held,
  state = 'matched' AND coalesce(charged_last > ended + $grace OR charged_first < started - $grace, FALSE) AS late,
  CASE WHEN due IS NULL OR abs(net - due) <= $tolerance THEN 0::BIGINT ELSE $mask END AS mask
FROM (SELECT *, choices AS n, max_tokens AS m, cached AS k, reasoning AS r FROM pairs);
