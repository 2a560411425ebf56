"""How much there is: what is held, what is enough, and what many requests come to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from harness.judge.billing import NANO, cost_of
from harness.model import NotObserved
from suites.conftest import COUNT
from suites.functions import WEATHER
from suites.purse import open_account

AT_ONCE = 8
SOME, MANY = 40, 1_000  # requests of all kinds
ASKED = {"max_tokens": 32, "temperature": 0}


@pytest.mark.requirement("BL-020")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.cost(calls=AT_ONCE + 3, prompt_tokens=20 * (AT_ONCE + 1), completion_tokens=32 * (AT_ONCE + 1))
def test_requests_at_one_time_cannot_overdraw(ask, stream):
    """Money for one and a half of them; whoever is served has been paid for."""
    known = open_account(ask).spend(COUNT, **ASKED)
    purse = open_account(ask, f"{known.due * Decimal('1.5'):.9f}")
    ask.parallel([lambda: ask.chat(COUNT, key=purse.key, stream=stream, **ASKED)] * AT_ONCE)
    left = purse.settled()
    assert left >= 0, f"{AT_ONCE} requests at one time left an account with {left:f} USD"


@pytest.mark.requirement("BL-021")
@pytest.mark.cost(calls=4, prompt_tokens=60, completion_tokens=768)
def test_what_is_held_is_enough(ask):
    held = held_for(ask)
    served = ask.chat(COUNT, key=open_account(ask, held).key, stream=True, max_tokens=256)
    refused = ask.chat(COUNT, key=open_account(ask, held - NANO).key, stream=True, max_tokens=256)
    assert served.status == 200, f"{held:f} USD are held for a request, and an account with as much got {served.status}"
    assert refused.status == 402, f"{held:f} USD are held for a request, and one nano-dollar less got {refused.status}"


def held_for(ask):
    """What is held for a stream of the usual prompt while it runs. Raises NotObserved when that cannot be seen."""
    purse, seen = open_account(ask), []
    purse.spend(COUNT, stream=True, max_tokens=256, during=lambda: seen.append(purse.held()))
    if not seen or seen[0] <= 0:
        raise NotObserved("no money was seen to be held while a stream ran")
    return seen[0]


@pytest.mark.requirement("BL-022")
@pytest.mark.cost(calls=SOME, prompt_tokens=60 * SOME, completion_tokens=12 * SOME)
def test_some_requests_add_up(ask):
    add_up(ask, SOME)


@pytest.mark.profile("full")
@pytest.mark.requirement("BL-022")
@pytest.mark.cost(calls=MANY, prompt_tokens=60 * MANY, completion_tokens=12 * MANY)
def test_a_thousand_requests_add_up(ask):
    add_up(ask, MANY)


def add_up(ask, count):
    """Requests of all kinds, several at a time; answers that fail are part of it and cost nothing."""
    purse = open_account(ask)
    price = purse.listed(ask.default_model)
    answers = ask.parallel([lambda n=n: ask.chat(key=purse.key, **kind(n)) for n in range(count)])
    costs = [cost_of(answer, price) for answer in answers if answer.status == 200]
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        raise NotObserved("an answer reports no usage")
    due, charged = sum(known, Decimal(0)), purse.charges()
    assert charged == due, f"{count} requests come to {due:f} USD, and {charged:f} USD were charged"


def kind(n):
    """The nth request: short and long, streamed and not, several choices, tools, and one that is refused."""
    kinds = (
        {"prompt": "Hi", "max_tokens": 1 + n % 7},
        {"prompt": COUNT, "max_tokens": 12, "stream": True},
        {"prompt": COUNT, "max_tokens": 4, "n": 2},
        {"prompt": "Count from 1 to 9", "max_tokens": 12, "stop": ["5"], "stream": True},
        {"prompt": "What is the weather in Oslo?", "tools": [WEATHER], "tool_choice": "required", "max_tokens": 12},
        {"temperature": 99},
    )
    return dict(kinds[n % len(kinds)])
