-- Half to even, exact: of a number with fractions, and of a whole number, not negative, divided by another.
CREATE OR REPLACE TEMP MACRO half_even(x) AS CAST(
  CASE WHEN abs(x - trunc(x)) = 0.5 THEN trunc(x) + CASE WHEN CAST(trunc(x) AS HUGEINT) % 2 = 0 THEN 0 ELSE sign(x) END
       ELSE round(x) END AS BIGINT);
CREATE OR REPLACE TEMP MACRO divided(a, b) AS (2 * a + b - 1 + (a // b) % 2) // (2 * b);
CREATE OR REPLACE TEMP MACRO nano(atto) AS divided(atto, 1000000000::HUGEINT);
-- The same, for where every row of a large file needs it: amounts below 4 USD fit into 64 bits.
CREATE OR REPLACE TEMP MACRO quick_nano(atto) AS
  CASE WHEN atto BETWEEN 0 AND 4000000000000000000 THEN divided(CAST(atto AS BIGINT), 1000000000)
       ELSE CAST(nano(atto) AS BIGINT) END;
-- Atto-USD of so many tokens; cached ones are part of the prompt and have their own price where one is listed.
CREATE OR REPLACE TEMP MACRO worth(p, c, k, pp, cp, kp) AS
  p::HUGEINT * pp + c::HUGEINT * cp
  - CASE WHEN kp IS NULL THEN 0::HUGEINT ELSE least(coalesce(k, 0), p)::HUGEINT * (pp - kp) END;
