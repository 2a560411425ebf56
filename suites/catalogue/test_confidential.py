"""The confidential catalogue: exactly what the gate accepts, at the price and with the tags it states."""

from __future__ import annotations

import pytest

from harness.judge import catalogue as lists
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.denials import UNKNOWN_MODEL

SAMPLED = (
    "deepseek-ai/DeepSeek-R1-0528-TEE",
    "Qwen/Qwen3-235B-A22B-Instruct-2507-TEE",
    "deepseek-ai/DeepSeek-V3-0324-TEE",
)
FAMILIES = ("deepseek", "qwen3", "kimi", "minimax", "gpt-oss", "glm", "mimo")
DESCRIBED = 16
CONTEXTS = {"kimi-k2.5": 262_000, "minimax-m2.5": 196_000}
FEW = 3


def passed_the_gate(answer: Exchange) -> bool:
    """A sound request was not turned away for its model; a provider that fails is another matter."""
    return answer.status not in {400, 403, 404}


@pytest.mark.requirement("VT-030")
@pytest.mark.cost(calls=4)
def test_the_list_follows_a_flip(ask):
    model = next(row["id"] for row in reversed(ask.catalogue) if row["id"] != ask.default_model)
    with ask.control.flipped(model):
        inside = lists.ids(ask.models())
        single = ask.model(model)
    after = lists.ids(ask.models())
    assert model not in inside, f"{model} lost its flag and is still listed"
    assert single.status == 404, f"{model} lost its flag, and retrieving it was answered with {single.status}"
    assert model in after, f"{model} got its flag back and is not listed"


@pytest.mark.requirement("VT-030")
@pytest.mark.cost(calls=1)
def test_the_list_gains_a_model_that_gets_the_flag(ask):
    plain = next((row["id"] for row in ask.control.models() if not row["confidential_compute"]), None)
    if plain is None:
        raise NotObserved("the control API knows no model without the flag")
    ask.control.set_model(plain, confidential=True)
    try:
        inside = lists.ids(ask.models())
    finally:
        ask.control.set_model(plain, confidential=False)
    assert plain in inside, f"{plain} got the flag and is not listed"


@pytest.mark.requirement("VT-031")
@pytest.mark.cost(calls=24, prompt_tokens=480, completion_tokens=24)
def test_every_listed_model_passes_the_gate(ask, profile):
    models = [row["id"] for row in ask.catalogue][: FEW if profile == "quick" else None]
    answers = ask.parallel([lambda model=model: ask.chat(model=model, max_tokens=1) for model in models])
    refused = [model for model, answer in zip(models, answers, strict=True) if not passed_the_gate(answer)]
    assert not refused, f"listed, and refused by the gate: {refused}"


@pytest.mark.requirement("VT-031")
@pytest.mark.cost(calls=10)
def test_no_unlisted_model_passes_the_gate(ask, contract, target):
    known = [contract.trait("catalogue.non_confidential_example"), UNKNOWN_MODEL]
    if "control" in target.capabilities():
        known += [row["id"] for row in ask.control.models()]
    unlisted = sorted(set(known) - {row["id"] for row in ask.catalogue})
    passed = [model for model in unlisted if passed_the_gate(ask.chat(model=model, max_tokens=1))]
    assert not passed, f"not listed, and accepted by the gate: {passed}"


@pytest.mark.requirement("VT-032")
def test_rows_are_priced(catalogue, holds):
    holds(lists.rows_are_priced, catalogue)


@pytest.mark.requirement("VT-033")
def test_rows_are_confidential(catalogue, holds):
    holds(lists.rows_are_confidential, catalogue)


@pytest.mark.requirement("VT-033")
@pytest.mark.cost(calls=1)
def test_the_list_is_the_feed_of_the_gate(ask):
    flagged = {row["id"] for row in ask.control.models() if row["confidential_compute"]}
    listed = set(lists.ids(ask.models()))
    assert listed == flagged, f"listed but not flagged, or flagged but not listed: {sorted(listed ^ flagged)}"


@pytest.mark.requirement("VT-033")
def test_the_documented_example_is_not_listed(contract, catalogue):
    example = contract.trait("catalogue.non_confidential_example")
    assert example not in lists.ids(catalogue), f"{example} is listed, which the page names as not confidential"


@pytest.mark.requirement("VT-036")
def test_described_models_are_listed(catalogue):
    names = [model.lower() for model in lists.ids(catalogue)]
    missing = [family for family in FAMILIES if not any(family in name for name in names)]
    assert not missing, f"no model is listed of the families {missing}"
    assert len(names) >= DESCRIBED, f"{len(names)} models are listed, and the page describes {DESCRIBED}"


@pytest.mark.requirement("VT-036")
@pytest.mark.parametrize("model", CONTEXTS)
def test_described_context_windows_are_stated(contract, catalogue, model):
    rows = [row for row in lists.rows(catalogue) if model in row["id"].lower()]
    if not rows:
        raise NotObserved(f"no {model} is listed")
    window = lists.at(rows[0], contract.trait("catalogue.context"))
    assert window >= CONTEXTS[model], f"{rows[0]['id']} has a context of {window}, described with {CONTEXTS[model]}"


@pytest.mark.requirement("VT-037")
def test_sampled_models_are_listed(catalogue):
    missing = sorted(set(SAMPLED) - set(lists.ids(catalogue)))
    assert not missing, f"used in the samples of the page and not listed: {missing}"


@pytest.mark.requirement("VT-038")
def test_rows_are_tagged(catalogue, holds):
    holds(lists.rows_are_tagged, catalogue)
