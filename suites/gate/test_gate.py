"""The gate: what has no confidential flag is refused, before anything reaches the provider, whoever asks and how."""

from __future__ import annotations

import pytest

from harness.asking.ask import OMIT
from harness.judge import gate
from harness.judge.calls import error_code
from harness.judge.errors import NOT_CONFIDENTIAL
from harness.model import NotObserved, Tolerated
from harness.wire.exchange import Exchange
from suites.denials import UNKNOWN_MODEL
from suites.purse import open_account, open_purse

REFUSED = (400, NOT_CONFIDENTIAL)


def verdict(answer: Exchange) -> tuple[int, str | None]:
    return answer.status, error_code(answer)


@pytest.fixture(scope="session")
def plain_model(contract) -> str:
    """The id that the documentation names as one without the flag."""
    return str(contract.trait("catalogue.non_confidential_example"))


@pytest.mark.requirement("VT-003")
def test_answers_name_the_model_asked_for(plain, counted_stream, holds):
    holds(gate.answer_names_the_model_asked_for, plain, counted_stream)


@pytest.mark.requirement("VT-003")
@pytest.mark.cost(calls=2, prompt_tokens=40, completion_tokens=2)
def test_the_provider_is_asked_for_the_same_model(ask):
    purse = open_account(ask)
    ask.chat(max_tokens=1, key=purse.key)
    ask.chat(max_tokens=1, key=purse.key, stream=True)
    asked = {str(call["model"]) for call in purse.upstream_calls()}
    assert asked == {ask.default_model}, f"asked for {ask.default_model}, and the provider was asked for {asked}"


@pytest.mark.requirement("VT-003")
@pytest.mark.cost(calls=1, prompt_tokens=20, completion_tokens=1)
def test_a_failing_model_is_not_replaced_by_another(ask, spares):
    purse, model = open_account(ask), spares(2)
    with purse.failing("fail_before_first_byte", model):
        ask.chat(model=model, max_tokens=1, key=purse.key)
    others = {str(call["model"]) for call in purse.upstream_calls()} - {model}
    assert not others, f"the provider of {model} failed, and the prompt went to {others}"


@pytest.mark.requirement("VT-010")
@pytest.mark.cost(calls=3)
def test_refused_models_are_not_asked_upstream(ask, plain_model):
    purse = open_account(ask)
    for model, stream in ((plain_model, OMIT), (plain_model, True), (UNKNOWN_MODEL, OMIT)):
        ask.chat(model=model, stream=stream, key=purse.key)
    sent = purse.upstream_calls()
    assert not sent, f"three refused requests caused {len(sent)} calls upstream"


@pytest.mark.requirement("VT-011")
@pytest.mark.cost(calls=10)
def test_every_id_without_the_flag_is_refused(ask, target, plain_model):
    known = {plain_model}
    if "control" in target.capabilities():
        known |= {row["id"] for row in ask.control.models() if not row["confidential_compute"]}
    answers = {model: verdict(ask.chat(model=model, max_tokens=1)) for model in sorted(known)}
    wrong = {model: found for model, found in answers.items() if found != REFUSED}
    assert not wrong, f"models without the flag were not refused with 400 {NOT_CONFIDENTIAL}: {wrong}"


@pytest.mark.requirement("VT-011")
@pytest.mark.cost(calls=1)
def test_an_unknown_id_is_refused(ask):
    answer = ask.chat(model=UNKNOWN_MODEL, max_tokens=1)
    if answer.status == 404:
        raise Tolerated("an id that exists nowhere is refused with 404 instead of 400 model_not_confidential")
    assert verdict(answer) == REFUSED, f"an id that exists nowhere was answered with {verdict(answer)}"


@pytest.mark.requirement("VT-011")
@pytest.mark.cost(calls=10, prompt_tokens=200, completion_tokens=10)
def test_no_other_spelling_passes(ask, plain_model):
    listed = ask.default_model
    spelled = {f"{plain_model}-TEE", f"{plain_model}:latest", f"{plain_model} ", plain_model.upper()}
    spelled |= {f"{listed} ", f" {listed}", f"{listed}:free", f"{listed}\u200b", listed.lower(), listed.split("/")[-1]}
    spelled -= {row["id"] for row in ask.catalogue}
    passed = [model for model in sorted(spelled) if ask.chat(model=model, max_tokens=1).status < 400]
    assert not passed, f"ids that are not in the catalogue were accepted: {passed}"


@pytest.mark.requirement("VT-012")
@pytest.mark.cost(calls=4)
def test_refused_requests_reach_no_upstream(ask, plain_model):
    purse = open_account(ask)
    answers = [
        ask.chat(model=plain_model, key=purse.key),
        ask.chat(temperature=9, key=purse.key),
        ask.chat(messages=[], key=purse.key),
        ask.chat(max_tokens=0, key=purse.key),
    ]
    if accepted := [answer.status for answer in answers if answer.status < 400]:
        raise NotObserved(f"{len(accepted)} of these requests were not refused")
    sent = purse.upstream_calls()
    assert not sent, f"four refused requests caused {len(sent)} calls upstream"


@pytest.mark.requirement("VT-012")
@pytest.mark.cost(calls=4)
def test_refused_requests_cost_nothing(ask, plain_model):
    purse = open_purse(ask)
    before = purse.read()
    ask.chat(model=plain_model, key=purse.key)
    ask.chat(model=plain_model, stream=True, key=purse.key)
    ask.chat(temperature=9, key=purse.key)
    ask.chat(max_tokens=0, key=purse.key)
    charged = before - purse.settled()
    assert charged == 0, f"refused requests were charged {charged:f} USD"


@pytest.mark.requirement("VT-013")
@pytest.mark.cost(calls=1)
def test_a_model_without_the_flag_is_refused(ask, plain_model):
    answer = ask.chat(model=plain_model)
    assert verdict(answer) == REFUSED, f"{plain_model} was answered with {verdict(answer)}"


@pytest.mark.requirement("VT-013")
@pytest.mark.cost(calls=1)
def test_a_model_without_the_flag_is_refused_a_stream(ask, plain_model):
    answer = ask.chat(model=plain_model, stream=True)
    assert verdict(answer) == REFUSED, f"{plain_model}, streamed, was answered with {verdict(answer)}"


@pytest.mark.requirement("VT-015")
@pytest.mark.cost(calls=1)
def test_a_plain_client_is_served_and_protected(plain, ask, plain_model):
    refusal = ask.chat(model=plain_model)
    assert plain.status == 200, f"a client without special headers was answered with {plain.status}"
    assert verdict(refusal) == REFUSED, f"a client without special headers was answered with {verdict(refusal)}"


@pytest.mark.requirement("VT-015")
@pytest.mark.cost(calls=1)
def test_a_client_cannot_switch_the_gate_off(ask, plain_model):
    off = {"X-Confidential": "false", "X-Confidential-Compute": "false", "X-TEE": "false", "X-Allow-Fallback": "true"}
    members = {"confidential_compute": False, "allow_fallback": True, "provider": {"allow_fallbacks": True}}
    answer = ask.chat(model=plain_model, max_tokens=1, headers=off, **members)
    assert answer.status >= 400, f"a request that waives confidentiality was answered with {answer.status}"


@pytest.mark.requirement("VT-016")
@pytest.mark.cost(calls=1)
def test_every_shown_model_carries_the_flag(catalogue, ask, holds):
    holds(gate.shown_models_carry_the_flag, catalogue, ask.model(ask.default_model))
