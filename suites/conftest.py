"""Probes that several themes share: each is paid for once a run and serves every check that names it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from harness.asking.ask import OMIT, Ask
from harness.asking.probe import probe
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from specs import Contract
from suites import denials, invalid
from suites.functions import AT_POSTCODE, IN_TWO_CITIES, ORDERS, WEATHER
from suites.reading import said

COUNT = "Count from 1 to 30, separated by spaces."


@pytest.fixture(scope="session")
def tagged(ask: Ask, contract: Contract) -> Callable[..., str]:
    """Picks a model that carries one of the given tags; where models carry no tags, the default model will do."""

    def pick(*tags: str) -> str:
        member = contract.trait("catalogue.tags", None)
        if member is None:
            return ask.default_model
        rows = sorted(ask.chatting, key=lambda row: row.get("id") != ask.default_model)
        for row in rows:
            if set(tags) & set(row.get(member) or ()):
                return str(row["id"])
        raise NotObserved(f"no model of the catalogue is tagged {' or '.join(tags)}")

    return pick


@probe(calls=1, prompt_tokens=20, completion_tokens=16)
def plain(ask: Ask) -> Exchange:
    """An ordinary short answer, not streamed."""
    return ask.chat()


@probe(calls=1, prompt_tokens=20, completion_tokens=128)
def counted(ask: Ask) -> Exchange:
    return ask.chat(COUNT, max_tokens=128, temperature=0)


@probe(calls=1, prompt_tokens=20, completion_tokens=128)
def counted_stream(ask: Ask) -> Exchange:
    """The request of `counted`, streamed."""
    return ask.chat(COUNT, max_tokens=128, temperature=0, stream=True)


@probe(calls=1, prompt_tokens=20, completion_tokens=128)
def usage_stream(ask: Ask) -> Exchange:
    """The request of `counted`, streamed, with usage asked for."""
    return ask.chat(COUNT, max_tokens=128, temperature=0, stream=True, stream_options={"include_usage": True})


@probe(calls=1, prompt_tokens=20, completion_tokens=64)
def repeated(ask: Ask) -> Exchange:
    """One word asked back."""
    return ask.chat("Repeat exactly: heliotrope", max_tokens=256, temperature=0)


@pytest.fixture
def repeats(repeated: Exchange) -> None:
    """Without a model that does as it is told, a text that does not come back says nothing about the server."""
    if "heliotrope" not in said(repeated).lower():
        raise NotObserved("the model does not repeat a word that it is asked to repeat")


@pytest.fixture
def counts(counted: Exchange) -> None:
    """Likewise for checks that need a model which counts when it is told to."""
    if re.findall(r"\d+", said(counted))[:12] != [str(number) for number in range(1, 13)]:
        raise NotObserved("the model does not count when it is asked to")


@probe(calls=1, prompt_tokens=20, completion_tokens=32)
def two_choices(ask: Ask) -> Exchange:
    return ask.chat(n=2, max_tokens=16, temperature=1)


@probe(calls=1)
def catalogue(ask: Ask) -> Exchange:
    """The list of models."""
    return ask.models()


@probe(calls=len(invalid.MEMBERS) + 1)
def refusals(ask: Ask) -> tuple[Exchange, ...]:
    """One answer to each kind of invalid chat request; all of them should be refusals, which cost nothing."""

    def send(members: dict[str, object]) -> Exchange:
        body = {"model": ask.default_model, **invalid.RIGHT, **members}
        return ask.send("POST", "/chat/completions", json={k: v for k, v in body.items() if v is not OMIT})

    broken = ask.send(
        "POST", "/chat/completions", content=invalid.BROKEN_JSON, headers={"Content-Type": "application/json"}
    )
    return (*map(send, invalid.MEMBERS.values()), broken)


# --- Tools -----------------------------------------------------------------------------------------------------


@probe(calls=1, prompt_tokens=160, completion_tokens=128)
def tool_call(ask: Ask, tagged: Callable[..., str]) -> Exchange:
    """An answer that has to call one of two functions."""
    return ask.chat(AT_POSTCODE, model=tagged("tools"), tools=[ORDERS, WEATHER], tool_choice="required", max_tokens=128)


@probe(calls=1, prompt_tokens=100, completion_tokens=128)
def tool_stream(ask: Ask, tagged: Callable[..., str]) -> Exchange:
    """A streamed answer that has to call, and is asked something that two calls answer best."""
    return ask.chat(
        IN_TWO_CITIES, model=tagged("tools"), tools=[WEATHER], tool_choice="required", max_tokens=128, stream=True
    )


@probe(calls=9)
def denied(ask: Ask) -> tuple[Exchange, ...]:
    """One answer to each kind of refusal that is not about parameters."""
    return denials.all_kinds(ask)


# --- Models that are flipped, repriced or made to fail -----------------------------------------------------------


@pytest.fixture(scope="session")
def spares(ask: Ask) -> Callable[[int], str]:
    """Listed models other than the default one. Files may run at the same time, so each takes another number."""
    found = [str(row["id"]) for row in reversed(ask.chatting) if row["id"] != ask.default_model]

    def pick(number: int) -> str:
        if not found:
            raise NotObserved("the catalogue has one model only")
        return found[number % len(found)]

    return pick
