"""Chat requests that must be refused: one wrong member each, with the status that the contract has for it."""

from __future__ import annotations

import pytest

from harness.ask import Ask
from harness.judge import Rule, validation
from harness.model import Tolerated
from specs import Contract
from suites.denials import UNKNOWN_MODEL

RULES = (
    validation.unknown_role_is_refused,
    validation.missing_model_is_refused,
    validation.missing_messages_are_refused,
    validation.empty_messages_are_refused,
    validation.mistyped_messages_are_refused,
    validation.malformed_json_is_refused,
    validation.too_small_max_tokens_is_refused,
    validation.temperature_out_of_range_is_refused,
    validation.top_p_out_of_range_is_refused,
    validation.unknown_response_format_is_refused,
    validation.mistyped_scalar_is_refused,
    validation.n_of_zero_is_refused,
)


@pytest.mark.parametrize(
    "rule", [pytest.param(made, id=made.name, marks=pytest.mark.requirement(made.requirement)) for made in RULES]
)
def test_an_invalid_request(refusals, rule: Rule, holds):
    holds(rule, *refusals)


@pytest.mark.requirement("OC-030")
@pytest.mark.cost(calls=1)
def test_an_unknown_model_is_refused(ask: Ask, contract: Contract):
    refusal = ask.chat(model=UNKNOWN_MODEL)
    due, code = contract.trait("errors.unknown_model_status"), contract.trait("errors.unknown_model_code")
    if refusal.status == 404 and 404 not in due:
        raise Tolerated(f"an unknown model is refused with 404, where the document says {due[0]}")
    assert refusal.status in due, f"an unknown model was answered with {refusal.status}"
    assert code in (None, refusal.json["error"]["code"]), f"an unknown model was refused without the code {code}"
