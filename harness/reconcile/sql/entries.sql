-- What the ledger says, as magnitudes with a kind.
CREATE $stored entries AS
WITH given AS (SELECT $columns FROM $relation)
SELECT coalesce(request_id, '') AS request_id, moment, abs(nano) AS nano, model, account, prompt, completion,
  CASE WHEN kind = 'charge' AND nano < 0 THEN 'refund' ELSE kind END AS kind
FROM given WHERE kind <> 'ignored';
