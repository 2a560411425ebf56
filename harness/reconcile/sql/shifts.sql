-- By how many quarters of an hour the ledger's times are away from the calls they belong to.
SELECT CAST(round((charged_first - ended) / 900000000.0) AS BIGINT) AS quarters, count(*) AS ids
FROM judged WHERE late AND charged_first IS NOT NULL AND ended IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;
