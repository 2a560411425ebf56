"""What every rule has looked at is not looked at again, and comes out the same; by another contract it is."""

from __future__ import annotations

from unittest.mock import patch

from harness import judge as judging
from harness.judge import findings, judge, of_each, rules_for
from specs import load
from tests.judge.builders import completion, good_completion


def test_what_was_found_is_kept_with_the_exchange() -> None:
    contract, answer = load("openai-core"), completion(good_completion(object="something else", usage=None))
    rules = rules_for(contract)
    found = of_each(rules, answer, contract)
    assert found
    with patch.object(judging, "judge", side_effect=AssertionError("looked at again")):
        assert {rule: said for rule in rules if (said := findings(rule, answer, contract))} == found
    for rule in rules:
        assert findings(rule, answer, contract) == judge(rule, [answer], contract).findings


def test_another_contract_looks_for_itself() -> None:
    contract, other, answer = load("openai-core"), load("voltagegpu-confidential"), completion(good_completion())
    of_each(rules_for(contract), answer, contract)
    rule = rules_for(other)[0]
    with patch.object(judging, "judge", wraps=judge) as looked:
        findings(rule, answer, other)
    looked.assert_called_once()
