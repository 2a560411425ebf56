SELECT id, outcome, coalesce(model, told_model) AS model, account, coalesce(started, first_at) AS moment, due, net AS charged
FROM judged WHERE state = '$state' AND (due IS NULL OR diff <> 0 OR state = 'unknown')
ORDER BY abs(coalesce(diff, 0)) DESC, id LIMIT $most;
