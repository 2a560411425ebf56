-- Few rows, however many ids: alike in all that a finding says, with the three that differ most.
SELECT state, coalesce(outcome, 'unknown') AS outcome, due IS NULL AS unjudged, mask,
  due IS NOT NULL AND abs(diff) > $tolerance AS differs,
  count(*) AS ids, sum(times) AS calls, sum(entries) AS entries, sum(due) AS due, sum(net) AS net, sum(diff) AS diff,
  count(*) FILTER (by_told) AS by_told, count(*) FILTER (times > 1) AS repeated, count(*) FILTER (charges > 1) AS recharged,
  count(*) FILTER (late) AS late, count(*) FILTER (left_held) AS left_held,
  coalesce(sum(held) FILTER (left_held), 0) AS held,
  count(*) FILTER (diff <> 0) AS inexact,
  arg_max({'request_id': id, 'outcome': outcome, 'model': coalesce(model, told_model), 'at': coalesce(started, first_at),
    'due_nano': due, 'charged_nano': net, 'prompt_tokens': p, 'completion_tokens': c, 'charges': charges}, abs(coalesce(diff, net)), 3) AS examples
FROM judged GROUP BY ALL ORDER BY ALL;
