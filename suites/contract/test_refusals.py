"""Refusals as the confidential contract documents them: one envelope, its statuses, the words of the gate."""

from __future__ import annotations

import pytest

from harness.asking.ask import OMIT, Ask
from harness.asking.control import Key
from harness.asking.probe import probe
from harness.judge import catalogue as lists
from harness.judge import errors
from harness.judge.calls import code_of, error_code, told
from harness.model import NotObserved, Tolerated
from harness.wire.exchange import Exchange
from suites import denials

FOREIGN_PREFIX = "Bearer sk-" + "0" * 32


@probe(calls=1)
def gate_refusal(ask: Ask) -> Exchange:
    """The documented example of a model without the flag."""
    return ask.chat(denials.PROMPT, model=ask.contract.trait("catalogue.non_confidential_example"))


@pytest.fixture
def without_balance(ask, target):
    """A credential of an account that has no money."""
    return "exhausted" if "exhausted" in target.capabilities() else ask.control.issue_key(balance_usd="0")


@pytest.mark.requirement("VT-070")
def test_errors_of_every_kind_have_one_envelope(refusals, denied, gate_refusal, holds):
    holds(errors.error_is_the_one_envelope, *refusals, *denied, gate_refusal)


@pytest.mark.requirement("VT-071")
def test_an_error_has_exactly_four_members(refusals, denied, gate_refusal, holds):
    holds(errors.error_has_exactly_four_members, *refusals, *denied, gate_refusal)


@pytest.mark.requirement("VT-072")
@pytest.mark.cost(calls=1)
def test_the_gate_refuses_in_the_documented_words(ask, gate_refusal, holds):
    unknown = ask.chat(model=denials.UNKNOWN_MODEL)
    holds(errors.refusal_by_the_gate_is_worded_as_documented, gate_refusal, unknown)


@pytest.mark.requirement("VT-072")
def test_the_gate_suggests_a_listed_sibling(contract, gate_refusal, catalogue):
    example = contract.trait("catalogue.non_confidential_example")
    siblings = [model for model in lists.ids(catalogue) if model.startswith(example) and model.endswith("-TEE")]
    suggested = errors.suggestion(gate_refusal)
    assert suggested or not siblings, f"the refusal of {example} suggests nothing, though {siblings[0]} is listed"
    assert suggested in {None, *lists.ids(catalogue)}, f"the refusal suggests {suggested}, which is not listed"


@pytest.mark.requirement("VT-072")
@pytest.mark.cost(calls=2)
def test_the_gate_suggests_no_model_that_lost_its_flag(ask, contract):
    example = contract.trait("catalogue.non_confidential_example")
    sibling = next((row["sibling"] for row in ask.control.models() if row["id"] == example), None)
    if sibling is None:
        raise NotObserved(f"the control API knows no sibling of {example}")
    with ask.control.flipped(sibling):
        suggested = errors.suggestion(ask.chat(model=example))
    assert suggested != sibling, f"the refusal suggests {sibling}, which has lost its flag"


@pytest.mark.requirement("VT-073")
def test_the_gate_refuses_with_type_and_status(gate_refusal, holds):
    code = error_code(gate_refusal)
    said = f"the code {code}" if code else "no code"
    assert code == errors.NOT_CONFIDENTIAL, f"the gate's refusal has {said}, not {errors.NOT_CONFIDENTIAL}"
    holds(errors.refusal_by_the_gate_is_a_bad_request, gate_refusal)


@pytest.mark.requirement("VT-074", "VC-094")
def test_success_is_200(plain, counted_stream, catalogue, refusals, denied, holds):
    for answer in (plain, counted_stream, catalogue):
        assert answer.status == 200, f"{answer.request.method} {answer.request.url} was answered with {answer.status}"
    holds(errors.success_is_200_without_an_error, plain, counted_stream, catalogue, *refusals, *denied)


@pytest.mark.requirement("VT-074", "VC-094")
@pytest.mark.cost(calls=2)
def test_a_failed_request_is_no_success(ask, holds, spares):
    model = spares(5)  # another process of the run must not meet the fault in our place
    for stream in (False, True):
        ask.provider.fault("fail_before_first_byte", model=model)
        try:
            failed = ask.chat(model=model, stream=stream)
        finally:
            ask.provider.clear_faults()
        assert failed.status >= 500, f"a request that the provider failed was answered with {failed.status}"


@pytest.mark.requirement("VT-075", "VC-095", "VO-080")
def test_invalid_parameters_are_400(refusals, holds):
    holds(errors.invalid_parameters_are_400, *refusals)


@pytest.mark.requirement("VC-092")
@pytest.mark.cost(calls=1)
def test_a_wrong_key_has_its_own_type_and_code(ask, contract):
    said = told(ask.chat(key="wrong"), contract)
    seen = said.get("type"), said.get("code")
    assert seen == ("authentication_error", "invalid_api_key"), f"a wrong key was refused as {seen}"


@pytest.mark.requirement("VT-076")
def test_a_missing_or_unknown_key_is_401(denied, holds):
    holds(errors.bad_credential_is_401, *denied)


@pytest.mark.requirement("VT-076")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("sent", denials.NOT_BEARER)
def test_a_malformed_credential_is_401(ask, holds, sent):
    holds(errors.bad_credential_is_401, ask.chat(key=None, headers={"Authorization": sent}))


@pytest.mark.requirement("VT-076", "VC-014")
@pytest.mark.cost(calls=2)
def test_a_revoked_key_is_401(ask, target):
    key = _revoked_after_use(ask) if "control" in target.capabilities() else "revoked"
    answer = ask.chat(key=key)
    assert answer.status == 401, f"a revoked key was answered with {answer.status}"


def _revoked_after_use(ask: Ask) -> Key:
    key = ask.control.issue_key()
    ask.models(key=key)
    ask.control.revoke(key)
    return key


@pytest.mark.requirement("VT-077", "VC-097", "VO-082")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_account_is_402(ask, without_balance, contract, stream):
    answer = ask.chat(key=without_balance, stream=stream)
    due = contract.trait("billing.insufficient_status")
    assert answer.status == due, f"a request of an account without balance was answered with {answer.status}"
    code = code_of(answer, contract)
    if "code" in contract.envelope.members and code != contract.trait("billing.insufficient_code"):
        raise Tolerated(f"{due} came with the code {code}, which the document does not name")


@pytest.mark.requirement("VT-040")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/chat/completions"), ("GET", "/models"), ("GET", "/models/any"), ("POST", "/audio")]
)
def test_every_path_needs_a_key(ask, method, path):
    answer = ask.send(method, path, json=OMIT if method == "GET" else {"model": "any"}, key=None)
    assert answer.status == 401, f"{method} {path} without a key was answered with {answer.status}"


@pytest.mark.requirement("VT-040", "VT-076", "VC-011")
@pytest.mark.cost(calls=1)
def test_a_key_needs_the_bearer_scheme(ask):
    key = ask.control.issue_key(balance_usd="1")
    answer = ask.chat(key=None, headers={"Authorization": f"Basic {key.value.reveal()}"})
    assert answer.status == 401, f"a key sent without the scheme Bearer was answered with {answer.status}"


@pytest.mark.requirement("VT-041", "VC-012")
def test_issued_keys_have_the_prefix(ask, target, contract):
    prefix = contract.trait("auth.key_prefix")
    secret = ask.control.issue_key().value if "control" in target.capabilities() else target.keys["main"]
    assert ask.inside(secret.reveal()).startswith(prefix), f"an issued key does not start with {prefix}"


@pytest.mark.requirement("VT-041", "VC-012")
@pytest.mark.cost(calls=1)
def test_a_key_without_the_prefix_is_401(ask):
    answer = ask.chat(key=None, headers={"Authorization": FOREIGN_PREFIX})
    assert answer.status == 401, f"a key with a foreign prefix was answered with {answer.status}"
