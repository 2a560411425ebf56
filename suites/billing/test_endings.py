"""What a request costs that does not end as most do: refused, cut, failed in the middle, read slowly, lost."""

from __future__ import annotations

import time
from functools import partial

import pytest

from harness.judge.billing import NANO, delivered_bytes
from harness.judge.chat import finish_reason
from harness.model import NotObserved
from suites.conftest import COUNT
from suites.functions import WEATHER
from suites.purse import open_account, open_purse

LONG = "Count from 1 to 400, separated by spaces."
TEMPLATE = 128  # tokens that a short prompt may be counted as
PAUSE_S = 0.3


@pytest.mark.requirement("BL-010")
@pytest.mark.cost(calls=6)
def test_refused_requests_cost_nothing(ask):
    purse, limited = open_account(ask), ask.control.issue_key(balance_usd="5", requests_per_minute=1)
    refused = [
        ask.chat(key=purse.key, temperature=99),
        ask.chat(key=purse.key, messages=[]),
        ask.chat(key=purse.key, model="no-such/model", stream=True),
        ask.send("POST", "/chat/completions", content=b"{", key=purse.key),
        ask.chat(key=purse.key, max_tokens=-1, stream=True),
    ]
    if served := [answer.status for answer in refused if answer.status < 400]:
        raise NotObserved(f"a request that should be refused was answered with {served[0]}")
    assert purse.charges() == 0, f"{len(refused)} refused requests were charged {purse.charges():f} USD"
    before = ask.control.account(limited.account)
    answers = [ask.chat(key=limited, max_tokens=1, model="no-such/model") for _ in range(3)]
    if 429 not in [answer.status for answer in answers]:
        return
    assert ask.control.account(limited.account) == before, "a request over the rate limit was charged"


@pytest.mark.requirement("BL-011")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.cost(calls=2, prompt_tokens=200, completion_tokens=96)
def test_tool_calls_cost_their_usage(ask, stream):
    bill = open_account(ask).spend(
        "What is the weather in Rome?", tools=[WEATHER], tool_choice="required", max_tokens=96, stream=stream
    )
    if bill.exchange.status != 200 or finish_reason(bill.exchange) != "tool_calls":
        raise NotObserved("the answer was no tool call")
    assert bill.is_right, f"a tool call was {bill}"


@pytest.mark.requirement("BL-012")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.cost(calls=6, prompt_tokens=120, completion_tokens=240)
def test_cut_answers_cost_their_usage(ask, stream):
    """The last of them is cut before its first character."""
    purse = open_account(ask)
    cuts = (("max_tokens", {"max_tokens": 7}), ("a stop", {"stop": ["7"]}), ("a stop at its start", {"stop": ["1"]}))
    for why, cut in cuts:
        asked = {"temperature": 0, "stream": stream, "max_tokens": 64} | cut
        bill = purse.spend(COUNT, **asked)
        assert bill.is_right, f"an answer that ended by {why} was {bill}"


@pytest.mark.requirement("BL-013")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.cost(calls=2, prompt_tokens=40, completion_tokens=32)
def test_a_refusal_of_the_provider_costs_nothing(ask, spares, stream):
    purse, model = open_purse(ask), spares(4)
    for status in (429, 503):
        before = purse.read()
        with purse.failing("refuse", model, status=status):
            answer = ask.chat(model=model, key=purse.key, stream=stream)
        if answer.status == 200:
            raise NotObserved(f"the provider answered {status}, and the call was answered with 200")
        charged = before - purse.settled()
        assert charged == 0, f"the provider answered {status}, and {charged:f} USD were charged"


@pytest.mark.requirement("BL-014")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=64)
def test_cumulative_usage_is_charged_once(ask, spares):
    purse, model = open_purse(ask), spares(4)
    with purse.failing("cumulative_usage", model):
        bill = purse.spend(COUNT, model=model, stream=True, max_tokens=64, temperature=0)
    known = reported(purse)
    due = bill.price.cost(known["prompt_tokens"], known["completion_tokens"])
    assert abs(bill.charged - due) <= NANO, (
        f"the provider's last report comes to {due:f} USD, and {bill.charged:f} USD were charged"
    )


@pytest.mark.requirement("BL-015")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=256)
def test_a_usage_of_zero_is_no_reason_for_an_estimate(ask, spares, stream):
    purse, model = open_purse(ask), spares(4)
    with purse.failing("zero_usage", model):
        bill = purse.spend("Repeat exactly: yes", model=model, stream=stream, max_tokens=256)
    most = bill.price.cost(TEMPLATE, delivered_bytes(bill.exchange))
    assert bill.charged <= most, (
        f"the provider reported no tokens, and {bill.charged:f} USD were charged; the bytes come to {most:f} at most"
    )


@pytest.mark.requirement("BL-016")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=512)
def test_an_error_in_the_stream_is_charged_as_delivered(ask, spares):
    purse, model = open_purse(ask), spares(4)
    with purse.failing("error_in_stream", model, at=3):
        bill = purse.spend(LONG, model=model, stream=True, max_tokens=512, temperature=0)
    most = bill.price.cost(TEMPLATE, delivered_bytes(bill.exchange))
    assert bill.charged <= most, (
        f"a stream with an error in it was charged {bill.charged:f} USD; what was delivered comes to {most:f} at most"
    )


@pytest.mark.requirement("BL-017")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=64)
def test_a_repeated_piece_is_paid_once(ask, spares):
    purse, model = open_purse(ask), spares(4)
    with purse.failing("duplicate_chunk", model, at=2):
        bill = purse.spend(COUNT, model=model, stream=True, max_tokens=64, temperature=0)
    known = reported(purse)
    due = bill.price.cost(known["prompt_tokens"], known["completion_tokens"])
    assert abs(bill.charged - due) <= NANO, (
        f"a stream with a repeated chunk was charged {bill.charged:f} USD; its usage comes to {due:f}"
    )


@pytest.mark.requirement("BL-018")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=96)
def test_a_slow_reader_pays_the_same(ask):
    """The client stops reading for a while after the first event."""
    bill = open_account(ask).spend(COUNT, stream=True, max_tokens=96, during=partial(time.sleep, PAUSE_S))
    assert bill.is_right, f"a stream that was read slowly was {bill}"


@pytest.mark.requirement("BL-019")
@pytest.mark.cost(calls=3, prompt_tokens=40, completion_tokens=512)
def test_a_lost_answer_is_not_charged_twice(ask):
    purse = open_account(ask)
    lost = purse.spend(COUNT, stream=True, max_tokens=256, temperature=0, abort_after=1)
    again = purse.spend(COUNT, stream=True, max_tokens=256, temperature=0)
    calls = purse.upstream_calls()
    if len(calls) != 2 or any(call["usage"] is None for call in calls):
        raise NotObserved(f"two requests made {len(calls)} calls upstream, or not all of them have a usage")
    due = sum(lost.price.cost(call["usage"]["prompt_tokens"], call["usage"]["completion_tokens"]) for call in calls)
    charged = lost.charged + again.charged
    assert charged <= due + 2 * NANO, f"an answer that was lost and asked for again cost {charged:f} USD for {due:f}"


def reported(purse):
    """The usage that the provider reported for the last call. Raises NotObserved when it reported none."""
    known = purse.upstream_calls()[-1]["usage"]
    if known is None:
        raise NotObserved("the provider's log has no usage")
    return known
