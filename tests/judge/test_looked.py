"""What every rule has looked at is not looked at again, and comes out the same; by another contract it is."""

from __future__ import annotations

from unittest.mock import patch

from harness.judge import Judged, Rule, judge, of_each, rules_for
from specs import load
from tests.judge.builders import completion, good_completion


def test_what_was_found_is_kept_with_the_exchange() -> None:
    contract, answer = load("openai-core"), completion(good_completion(object="something else", usage=None))
    rules = rules_for(contract)
    found = of_each(rules, answer, contract)
    assert found
    unseen = completion(good_completion(object="something else", usage=None))
    seen = Judged([answer, unseen], contract)
    for rule in rules:
        assert seen.findings(rule) == [*judge(rule, [answer, unseen], contract).findings]
    with patch.object(Rule, "findings", side_effect=AssertionError("looked at again")):
        assert {rule: said for rule in rules if (said := tuple(Judged([answer], contract).findings(rule)))} == found


def test_another_contract_looks_for_itself() -> None:
    contract, other, answer = load("openai-core"), load("voltagegpu-confidential"), completion(good_completion())
    of_each(rules_for(contract), answer, contract)
    rule = next(rule for rule in rules_for(other) if rule.on(answer))
    with patch.object(Rule, "findings", return_value=[]) as looked:
        Judged([answer], other).findings(rule)
    looked.assert_called_once()
