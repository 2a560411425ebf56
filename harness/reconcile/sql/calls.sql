-- What was asked, with the price in force when it started and what that comes to.
CREATE $stored calls AS
WITH given AS (SELECT $columns FROM $relation),
priced AS (
  SELECT given.*, prices.pp, prices.cp, prices.kp
  FROM given LEFT JOIN prices ON prices.model = given.model
    AND coalesce(given.started, $latest) >= prices.since AND coalesce(given.started, $latest) < prices.until
)
SELECT *,
  CASE WHEN outcome IN ('refused', 'failed') THEN 0
       WHEN pp IS NOT NULL AND prompt IS NOT NULL AND completion IS NOT NULL
       THEN quick_nano(worth(prompt, completion, cached, pp, cp, kp)) END AS due
FROM priced;
