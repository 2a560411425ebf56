"""Calls with what they took from the account: each paid for once, and read by several checks."""

from __future__ import annotations

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.model import NotObserved
from suites.conftest import COUNT
from suites.purse import Bill, Purse, open_purse

FEW = 256  # the most tokens an answer may have that is far shorter: an estimate must not look like the cost


@pytest.fixture(scope="session")
def purse(ask: Ask) -> Purse:
    """The account that all bills of a run are paid from, one after the other."""
    return open_purse(ask)


@probe(calls=2, prompt_tokens=20, completion_tokens=128)
def billed_plain(ask: Ask, purse: Purse) -> Bill:
    return purse.spend(COUNT, temperature=0, max_tokens=128)


@probe(calls=2, prompt_tokens=20, completion_tokens=FEW)
def billed_stream(ask: Ask, purse: Purse) -> Bill:
    return purse.spend(stream=True, stream_options={"include_usage": True}, max_tokens=FEW)


@probe(calls=2, prompt_tokens=20, completion_tokens=1)
def billed_token(ask: Ask, purse: Purse) -> Bill:
    """The cheapest call there is."""
    return purse.spend("Hi", max_tokens=1)


@probe(calls=2, prompt_tokens=20, completion_tokens=48)
def billed_choices(ask: Ask, purse: Purse) -> Bill:
    return purse.spend(n=3, max_tokens=16, temperature=1)


@probe(calls=2, prompt_tokens=400, completion_tokens=160)  # 20 and 8, at prices far above the default model's
def billed_dear(ask: Ask, purse: Purse) -> Bill:
    """A call of the dearest model that is listed."""
    prices = {sum(price): row["id"] for row in ask.chatting if (price := ask.price(row["id"])) is not None}
    if len(prices) < 2:
        raise NotObserved("the catalogue lists one price only")
    return purse.spend(model=prices[max(prices)], max_tokens=8)
