"""The chat operation of the confidential gateway, line by line of its parameter table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from harness.asking.ask import OMIT, Ask
from harness.judge import chat
from harness.model import NotObserved
from specs import Contract
from suites.reading import accepted, tokens


@pytest.mark.requirement("VT-050")
@pytest.mark.cost(calls=1)
def test_chat_is_served_with_a_key(plain, ask: Ask):
    accepted(plain, "a chat request with a key")
    without = ask.chat(key=None)
    assert without.status == 401, f"a chat request without a key was answered with {without.status}"


@pytest.mark.requirement("VT-051")
@pytest.mark.cost(calls=3, completion_tokens=4)
def test_model_takes_the_ids_of_the_catalogue(ask: Ask, contract: Contract):
    listed = ask.chat(model=ask.chatting[-1]["id"], max_tokens=4)
    accepted(listed, "a listed model")
    other = ask.chat(model=contract.trait("catalogue.non_confidential_example"), max_tokens=4)
    seen = (other.status, chat.member(chat.member(other.json, "error"), "code"))
    assert seen == (400, "model_not_confidential"), f"a model without the flag was answered with {seen}"
    absent = ask.chat(model=OMIT, max_tokens=4)
    assert absent.status == 400, f"a request without model was answered with {absent.status}"


@pytest.mark.requirement("VT-052")
@pytest.mark.cost(calls=1)
def test_messages_are_required(plain, ask: Ask):
    accepted(plain, "an array of messages")
    body = {"model": ask.default_model, "max_tokens": 4}
    absent = ask.send("POST", "/chat/completions", json=body)
    assert absent.status == 400, f"a request without messages was answered with {absent.status}"


@pytest.mark.requirement("VT-053", "VU-014", "VC-025")
def test_output_is_bounded_by_default(unbounded, contract: Contract):
    due, count = contract.trait("chat.default_max_tokens"), tokens(unbounded)
    reason = chat.finish_reason(unbounded)
    if reason == "stop" and count < due:
        raise NotObserved(f"the model ended its answer by itself after {count} tokens")
    assert (count, reason) == (due, "length"), f"an unbounded answer has {count} tokens and ends with {reason!r}"


@pytest.mark.requirement("VT-054", "VC-026", "VO-053")
def test_temperature_has_its_default(bare, contract: Contract):
    assert_default(bare, contract, "temperature")


@pytest.mark.requirement("VT-054", "VC-026", "VO-053")
@pytest.mark.cost(calls=2, completion_tokens=8)
@pytest.mark.parametrize("temperature", [0, 2])
def test_the_bounds_of_temperature_are_accepted(ask: Ask, temperature: int):
    answer = ask.chat(temperature=temperature, max_tokens=4)
    accepted(answer, f"a temperature of {temperature}")


@pytest.mark.requirement("VT-056", "VC-028", "VO-054")
def test_top_p_has_its_default(bare, contract: Contract):
    assert_default(bare, contract, "top_p")


def assert_default(sent: dict[str, Any], contract: Contract, name: str) -> None:
    """The provider was asked with the documented value."""
    due, used = contract.trait(f"chat.default_{name}"), sent.get(name)
    assert used is not None, f"without {name} the provider is asked with no {name}, not with {due}"
    assert Decimal(str(used)) == Decimal(str(due)), f"without {name} the provider is asked with {used}, not with {due}"
