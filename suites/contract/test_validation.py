"""Chat requests that must be refused: one wrong member each, with the status that the contract has for it."""

from __future__ import annotations

import pytest

from harness.asking.ask import Ask
from harness.judge import validation
from harness.judge.calls import code_of
from harness.model import Tolerated
from specs import Contract
from suites.denials import UNKNOWN_MODEL


@pytest.mark.requirement("OC-024")
def test_unknown_role_is_refused(refusals, holds):
    holds(validation.unknown_role_is_refused, *refusals)


@pytest.mark.requirement("OC-025")
def test_missing_model_is_refused(refusals, holds):
    holds(validation.missing_model_is_refused, *refusals)


@pytest.mark.requirement("OC-026")
def test_missing_messages_are_refused(refusals, holds):
    holds(validation.missing_messages_are_refused, *refusals)


@pytest.mark.requirement("OC-027")
def test_empty_messages_are_refused(refusals, holds):
    holds(validation.empty_messages_are_refused, *refusals)


@pytest.mark.requirement("OC-028")
def test_mistyped_messages_are_refused(refusals, holds):
    holds(validation.mistyped_messages_are_refused, *refusals)


@pytest.mark.requirement("OC-029")
def test_malformed_json_is_refused(refusals, holds):
    holds(validation.malformed_json_is_refused, *refusals)


@pytest.mark.requirement("OC-033")
def test_too_small_max_tokens_is_refused(refusals, holds):
    holds(validation.too_small_max_tokens_is_refused, *refusals)


@pytest.mark.requirement("OC-034")
def test_temperature_out_of_range_is_refused(refusals, holds):
    holds(validation.temperature_out_of_range_is_refused, *refusals)


@pytest.mark.requirement("OC-035")
def test_top_p_out_of_range_is_refused(refusals, holds):
    holds(validation.top_p_out_of_range_is_refused, *refusals)


@pytest.mark.requirement("OC-047")
def test_unknown_response_format_is_refused(refusals, holds):
    holds(validation.unknown_response_format_is_refused, *refusals)


@pytest.mark.requirement("OC-051")
def test_mistyped_scalar_is_refused(refusals, holds):
    holds(validation.mistyped_scalar_is_refused, *refusals)


@pytest.mark.requirement("OC-052")
def test_n_of_zero_is_refused(refusals, holds):
    holds(validation.n_of_zero_is_refused, *refusals)


@pytest.mark.requirement("OC-030")
@pytest.mark.cost(calls=1)
def test_an_unknown_model_is_refused(ask: Ask, contract: Contract):
    refusal = ask.chat(model=UNKNOWN_MODEL)
    due, code = contract.trait("errors.unknown_model_status"), contract.trait("errors.unknown_model_code")
    if refusal.status == 404 and 404 not in due:
        raise Tolerated(f"an unknown model is refused with 404, where the document says {due[0]}")
    assert refusal.status in due, f"an unknown model was answered with {refusal.status}"
    if code is not None:
        assert code_of(refusal, contract) == code, f"an unknown model was refused without the code {code}"
