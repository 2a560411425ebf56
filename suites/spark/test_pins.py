"""Sovereignty: a pinned tier, metro or pod is honoured or refused, whole and streamed, and never dropped."""

from __future__ import annotations

from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.judge import volt
from harness.judge.calls import code_of
from harness.model import NotObserved, Tolerated
from harness.wire.exchange import Exchange
from suites.reading import accepted
from suites.spark.conftest import NOWHERE, REFUSALS, with_capability

INVALID: tuple[dict[str, Any], ...] = (
    {"volt_tier": "gold"},
    {"volt_tier": 7},
    {"volt_tier": ["sovereign"]},
    {"volt_metro": 7},
    {"volt_metro": []},
)


def honoured(answer: Exchange, **pins: str) -> bool:
    """Whether a pin was honoured; fails when it was neither that nor refused."""
    if answer.status in REFUSALS:
        return False
    assert answer.status == 200, f"a request pinned to {pins} was answered with {answer.status}"
    seen = {name: {str(block.get(name)) for block in volt.blocks(answer)} for name in pins}
    wrong = {name: sorted(seen[name]) for name, pin in pins.items() if seen[name] != {pin}}
    assert not wrong, f"a request pinned to {pins} was served at {wrong}"
    return True


def refused(answer: Exchange, what: str, *more: int) -> None:
    """Fails when a request that no pod may serve was served all the same."""
    due = REFUSALS | set(more)
    assert answer.status in due, f"{what} was answered with {answer.status} by {volt.served(answer, 'metro')}"


def short(ask: Ask, *, stream: bool, **members: Any) -> Exchange:
    return ask.chat(max_tokens=4, stream=stream or None, **members)


@pytest.mark.requirement("VL-104")
@pytest.mark.cost(calls=2, completion_tokens=8)
def test_a_pinned_tier_is_honoured(ask, tiers):
    served = [honoured(short(ask, stream=False, volt_tier=tier), tier=tier) for tier in tiers[ask.default_model]]
    if not any(served):
        raise NotObserved("no tier that the default model has was to be had")


@pytest.mark.requirement("VL-104")
@pytest.mark.cost(calls=1, completion_tokens=4)
def test_a_tier_that_a_model_has_not_is_refused(ask, tiers, contract):
    answer = short(ask, stream=False, **_unserved(ask, tiers))
    refused(answer, "a request for a tier that the model does not have")
    if answer.status == 403 and (code := code_of(answer, contract)) != "sovereignty_violation":
        raise Tolerated(f"it was refused with 403 and the code {code}, where sovereignty_violation is published")


@pytest.mark.requirement("VL-105")
@pytest.mark.cost(calls=2, completion_tokens=8)
def test_a_pinned_metro_is_honoured(ask, place):
    assert honoured(short(ask, stream=False, volt_metro=place["metro"]), metro=place["metro"]), "it was refused"
    refused(short(ask, stream=False, volt_metro=NOWHERE), "a metro that does not exist", 400)


@pytest.mark.requirement("VL-105")
@pytest.mark.cost(calls=8, completion_tokens=32)
def test_every_answer_to_a_pin_comes_from_there(ask, place):
    for _ in range(8):  # requests that are not pinned are spread over pods
        honoured(short(ask, stream=False, volt_metro=place["metro"]), metro=place["metro"])


@pytest.mark.requirement("VL-106")
@pytest.mark.cost(calls=2, completion_tokens=8)
def test_a_pinned_tier_holds_in_streams(ask, tiers):
    for tier in tiers[ask.default_model]:
        honoured(short(ask, stream=True, volt_tier=tier), tier=tier)


@pytest.mark.requirement("VL-106")
@pytest.mark.cost(calls=5, completion_tokens=20)
def test_a_pinned_metro_holds_in_streams(ask, place):
    for _ in range(4):
        honoured(short(ask, stream=True, volt_metro=place["metro"]), metro=place["metro"])
    refused(short(ask, stream=True, volt_metro=NOWHERE), "a stream from a metro that does not exist", 400)


@pytest.mark.requirement("VL-106")
@pytest.mark.cost(calls=1, completion_tokens=4)
def test_a_tier_that_a_model_has_not_is_refused_as_a_stream(ask, tiers):
    refused(short(ask, stream=True, **_unserved(ask, tiers)), "a stream from a tier that the model does not have")


@pytest.mark.requirement("VL-107")
@pytest.mark.cost(calls=5, completion_tokens=20)
def test_a_pinned_pod_is_honoured(ask, place):
    for stream in (False, True, False, True):
        honoured(short(ask, stream=stream, volt_pod_affinity=place["pod_id"]), pod_id=place["pod_id"])
    refused(short(ask, stream=False, volt_pod_affinity=NOWHERE), "a pod that does not exist", 400)


@pytest.mark.requirement("VL-108")
@pytest.mark.cost(calls=8, prompt_tokens=8, completion_tokens=16)
def test_pins_hold_in_completions_and_embeddings(ask, place):
    text = {"model": ask.default_model, "prompt": "Once", "max_tokens": 4}
    vector = {"model": with_capability(ask, "embedding"), "input": "a red fox"}
    for operation, body in (("/completions", text), ("/embeddings", vector)):
        for _ in range(3):
            pinned = ask.send("POST", operation, json={**body, "volt_metro": place["metro"]})
            honoured(pinned, metro=place["metro"])
        refused(ask.send("POST", operation, json={**body, "volt_metro": NOWHERE}), f"{operation} from nowhere", 400)


@pytest.mark.requirement("VL-109")
@pytest.mark.cost(calls=len(INVALID), completion_tokens=4 * len(INVALID))
def test_a_pin_that_cannot_be_read_is_refused(ask, contract):
    due = contract.trait("errors.invalid_status")
    for members in INVALID:
        answer = short(ask, stream=False, **members)
        assert answer.status in due, f"{members} was answered with {answer.status}"


@pytest.mark.requirement("VL-030")
@pytest.mark.cost(calls=1, completion_tokens=4)
def test_openai_requests_and_extensions_are_taken_together(ask, place, plain):
    accepted(plain, "a request as the OpenAI SDK sends it")
    pins = {"volt_metro": place["metro"], "volt_tier": place["tier"], "volt_pod_affinity": place["pod_id"]}
    answer = accepted(short(ask, stream=False, **pins), "a request with the extensions beside it")
    missing = plain.json.keys() - answer.json.keys()
    assert not missing, f"with the extensions the answer lacks {sorted(missing)}"


def _unserved(ask: Ask, tiers: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """A model that can chat, and a tier that it does not have."""
    can_chat = [row["id"] for row in ask.catalogue if "chat" in (row.get("capabilities") or ("chat",))]
    for model in can_chat:
        for tier in volt.TIERS:
            if tiers[model] and tier not in tiers[model]:
                return {"model": model, "volt_tier": tier}
    raise NotObserved("every model of the catalogue has every tier")
