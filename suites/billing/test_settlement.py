"""How a stream is paid: money is held while it runs, and settled when it closes, whichever way it closes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from harness.judge.billing import NANO, PER_MILLION, delivered_bytes, fallback_tokens
from harness.judge.chat import token_count
from harness.model import NotObserved, Tolerated
from suites.billing.conftest import FEW
from suites.purse import open_account, open_purse

LONG = "Count from 1 to 400, separated by spaces."
BULK = "Read this list and answer with the single word yes.\n" + "quince orchard mill rain " * 120
STREAMS = 6
OVERHEAD = 128  # tokens of a short prompt that an estimate of its length may be off by


@pytest.mark.requirement("VT-093")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=512)
def test_money_is_held_while_a_stream_runs(purse):
    seen: list[Decimal] = []
    bill = purse.spend(LONG, stream=True, max_tokens=512, during=lambda: seen.append(purse.read()))
    held = bill.before - seen[0]
    if held == bill.charged != 0:
        raise NotObserved("the stream was over before the balance could be read")
    least = input_cost(bill)
    assert held >= least - NANO, f"{held:f} USD were held while the stream ran; its input alone costs {least:f} USD"


@pytest.mark.requirement("VT-093")
@pytest.mark.cost(calls=STREAMS + 2, prompt_tokens=800 * (STREAMS + 1), completion_tokens=4 * (STREAMS + 1))
def test_streams_cannot_spend_more_than_there_is(ask):
    """Whatever is held for a stream, it is no less than its input: money for two and a half inputs buys two."""
    known = open_account(ask).spend(BULK, max_tokens=4, stream=True)
    one = input_cost(known)
    purse = open_account(ask, f"{one * Decimal('2.5'):.9f}")
    answers = ask.parallel([lambda: ask.chat(BULK, max_tokens=4, stream=True, key=purse.key)] * STREAMS)
    served = sum(answer.status == 200 for answer in answers)
    assert served <= 2, f"an account with money for the input of two streams was served {served} at once"


@pytest.mark.requirement("VT-094")
def test_a_stream_costs_its_usage_and_not_the_estimate(billed_stream):
    estimate = billed_stream.price.cost(0, FEW)
    if billed_stream.due >= estimate:
        raise NotObserved("the answer is as long as it was allowed to be")
    assert billed_stream.is_right, f"a stream was {billed_stream}"


@pytest.mark.requirement("VT-097")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=16)
def test_nothing_is_held_after_a_stream(purse):
    bill = purse.spend(stream=True)
    assert purse.held() == 0, f"{purse.held():f} USD are still held after the stream closed"
    assert bill.charged <= bill.due + NANO, f"a closed stream was {bill}"


@pytest.mark.requirement("VT-097")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=512)
def test_nothing_is_held_after_the_client_left(ask):
    purse = open_account(ask)
    bill = purse.spend(LONG, stream=True, max_tokens=512, abort_after=4)
    known = purse.upstream_calls()[0]["usage"]
    if known is None:
        raise NotObserved("the provider reported no usage for a stream that was given up")
    due = bill.price.cost(known["prompt_tokens"], known["completion_tokens"])
    assert purse.held() == 0, f"{purse.held():f} USD are still held after the client left"
    assert bill.charged <= due + NANO, f"a stream given up was charged {bill.charged:f} USD; generated: {due:f} USD"


@pytest.mark.requirement("VT-100")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=512)
def test_leaving_a_stream_does_not_make_it_free(purse):
    bill = purse.spend(LONG, stream=True, max_tokens=512, abort_after=4)
    assert bill.charged > 0, f"a stream that was left after four events was charged {bill.charged:f} USD"


@pytest.mark.requirement("VT-095")
@pytest.mark.cost(calls=6, prompt_tokens=60, completion_tokens=1200)
def test_a_missing_usage_is_billed_by_bytes(ask, spares):
    purse = open_purse(ask)
    short, long, brief = (
        without_usage(purse, spares(4), prompt=prompt, max_tokens=bound)
        for prompt, bound in ((LONG, 16), (LONG, 96), ("Repeat exactly: yes", 1024))
    )
    assert short.charged > 0, "a stream without usage was free"
    more = more_content(short, long)
    share = (long.charged - short.charged) * PER_MILLION / long.price.completion  # in tokens
    assert 0 < share <= more, f"{more} bytes more of content were charged as {share:.1f} tokens more"
    most = brief.price.cost(OVERHEAD + len("Repeat exactly: yes"), delivered_bytes(brief.exchange))
    assert brief.charged <= most, f"a brief stream without usage was charged {brief.charged:f} USD"
    tokens = [fallback_tokens(delivered_bytes(bill.exchange)) for bill in (short, long)]
    if abs(share - (tokens[1] - tokens[0])) > 1:
        raise Tolerated(f"{more} bytes more are charged as {share:.1f} tokens, not one for every four bytes")


def without_usage(purse, model, *, prompt, max_tokens):
    """A stream whose provider never says how many tokens it was."""
    with purse.failing("omit_usage", model):
        return purse.spend(prompt, model=model, stream=True, max_tokens=max_tokens, temperature=0)


@pytest.mark.requirement("VT-098")
@pytest.mark.cost(calls=4, prompt_tokens=40, completion_tokens=1024)
def test_a_dropped_stream_is_billed_as_delivered(ask, spares):
    purse = open_purse(ask)
    early, late = (dropped(purse, spares(4), after) for after in (4, 40))
    assert early.charged > 0, "a stream that its provider dropped was free"
    more = more_content(early, late)
    share = (late.charged - early.charged) * PER_MILLION / late.price.completion  # in tokens
    assert 0 < share <= more, f"{more} bytes more were delivered, and {share:.1f} tokens more were charged"
    most = late.price.cost(OVERHEAD + len(LONG), delivered_bytes(late.exchange))
    assert late.charged <= most, f"a dropped stream was charged {late.charged:f} USD for what is worth {most:f} at most"


@pytest.mark.requirement("VT-098")
@pytest.mark.cost(calls=4, prompt_tokens=40, completion_tokens=32)
def test_a_provider_that_never_answers_costs_nothing(ask, spares):
    purse = open_purse(ask)
    before = purse.read()
    answers = [failed(ask, purse, spares(4), **members) for members in ({}, {"stream": True})]
    if served := [answer.status for answer in answers if answer.status < 500]:
        raise NotObserved(f"the provider failed, and the call was answered with {served[0]}")
    charged = before - purse.settled()
    assert charged == 0, f"a provider failed before its first byte, and {charged:f} USD were charged"


def dropped(purse, model, after):
    """A long stream whose provider goes away after so many chunks."""
    with purse.failing("drop_after_chunks", model, at=after):
        return purse.spend(LONG, model=model, stream=True, max_tokens=512, temperature=0)


def failed(ask, purse, model, **members):
    """The answer to a call whose provider fails at once."""
    with purse.failing("fail_before_first_byte", model):
        return ask.chat(model=model, key=purse.key, **members)


def input_cost(bill):
    """What the prompt of a call costs by itself."""
    tokens = token_count(bill.exchange, "prompt_tokens")
    if tokens is None:
        raise NotObserved("the answer reports no usage")
    return bill.price.cost(tokens, 0)


def more_content(less, more):
    """How many bytes of content one stream delivered more than the other."""
    found = delivered_bytes(more.exchange) - delivered_bytes(less.exchange)
    if found <= 0:
        raise NotObserved("the longer stream delivered no more content than the shorter one")
    return found
