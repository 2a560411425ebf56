"""The rate limit: stated on every answer, and enforced where a key is used up. The kind of window is not judged."""

from __future__ import annotations

import time

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.judge import errors, limits
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from specs import Contract

SMALL = 3  # requests a minute of the key that is used up
SLACK = 10  # other calls of the run may use the same key


@probe(calls=SMALL + 1)
def used_up(ask: Ask) -> tuple[Exchange, ...]:
    """One call more than a key of a small limit may make."""
    key = ask.control.issue_key(requests_per_minute=SMALL)
    return tuple(ask.models(key=key) for _ in range(SMALL + 1))


@pytest.fixture
def counted_key(ask, target):
    """A key that nobody else uses, or the main one."""
    return ask.control.issue_key() if "control" in target.capabilities() else "main"


def remaining(answer: Exchange, contract: Contract) -> int:
    """What an answer says remains of its key's limit."""
    stated = limits.number(answer, contract, "remaining")
    assert stated is not None, "an answer does not state what remains of the limit"
    return stated


@pytest.mark.requirement("VT-111", "VC-111")
def test_limit_headers_are_on_every_answer(plain, counted_stream, catalogue, refusals, denied, holds):
    every = (plain, counted_stream, catalogue, *refusals, *denied)
    holds(limits.limit_headers_are_there_and_plausible, *every)


@pytest.mark.requirement("VT-111")
def test_a_refused_key_counts_nothing(denied, holds):
    holds(limits.refused_key_counts_nothing, *denied)


@pytest.mark.requirement("VT-111", "VC-114")
@pytest.mark.cost(calls=1)
def test_the_reset_is_at_most_a_minute_ahead(ask, contract):
    ahead = limits.seconds_to_reset(ask.models(), contract)
    assert ahead is not None, "the reset cannot be read as a time"
    assert -limits.SKEW_S <= ahead <= limits.WINDOW_S + limits.SKEW_S, f"the reset is {ahead:.0f} s ahead"


@pytest.mark.requirement("VT-111", "VC-113")
@pytest.mark.cost(calls=3)
def test_the_remainder_falls_with_each_request(ask, contract, counted_key):
    answers = [ask.models(key=counted_key) for _ in range(3)]
    left = [remaining(answer, contract) for answer in answers]
    again = limits.number(answers[0], contract, "reset") != limits.number(answers[-1], contract, "reset")
    assert again or left[0] > left[1] > left[2], f"three requests of one key left {left}"


@pytest.mark.requirement("VT-111")
@pytest.mark.cost(calls=4)
def test_keys_are_counted_apart(ask, contract):
    busy, idle = ask.control.issue_key(), ask.control.issue_key()
    for _ in range(3):
        used = ask.models(key=busy)
    fresh, left = remaining(ask.models(key=idle), contract), remaining(used, contract)
    assert fresh > left, f"a key that was used once has {fresh} left, one that was used three times {left}"


@pytest.mark.requirement("VT-078", "VC-099")
def test_a_used_up_key_is_refused(used_up, holds):
    statuses = [answer.status for answer in used_up]
    assert statuses == [200] * SMALL + [429], f"a key of {SMALL} requests a minute was answered with {statuses}"
    holds(limits.exceeded_limit_has_nothing_left, *used_up)
    holds(errors.error_is_the_one_envelope, *used_up)


@pytest.mark.requirement("VT-078", "VC-099")
@pytest.mark.profile("full")
@pytest.mark.cost(calls=1010)
def test_a_burst_is_refused(ask, contract, target):
    if "control" in target.capabilities():
        raise NotObserved("a key of a small limit shows the same for less")
    if not ask.alone:
        raise NotObserved("other workers of this run need the key that would be used up; run this suite without -n")
    left = limits.number(ask.models(), contract, "remaining") or 0
    answers = ask.parallel([ask.models] * (left + SLACK))
    refused = [answer for answer in answers if answer.status == 429]
    time.sleep(limits.WINDOW_S)  # the rest of the run needs this key
    assert refused, f"{len(answers)} requests in a row were all answered, and {left} were left"


@pytest.mark.requirement("VT-110", "VC-110", "VC-112")
@pytest.mark.cost(calls=1)
def test_the_default_limit_is_stated(ask, contract, target, counted_key):
    due, stated = (
        contract.trait("limits.requests_per_minute"),
        limits.number(ask.models(key=counted_key), contract, "limit"),
    )
    if "control" not in target.capabilities() and stated is not None and stated > due:
        raise NotObserved(f"the key has an agreement of its own, {stated} requests a minute")
    assert stated == due, f"a key without another agreement has a limit of {stated}"


@pytest.mark.requirement("VT-110", "VC-110")
@pytest.mark.cost(calls=2)
def test_a_minute_later_the_key_is_served_again(ask):
    key = ask.control.issue_key(requests_per_minute=1)
    ask.models(key=key)
    ask.control.advance(limits.WINDOW_S + 1)
    try:
        answer = ask.models(key=key)
    finally:
        ask.control.set_clock(None)
    assert answer.status == 200, f"a minute after its limit was reached, the key was answered with {answer.status}"


@pytest.mark.requirement("VT-110", "VC-110")
@pytest.mark.profile("full")
@pytest.mark.cost(calls=1001)
def test_the_default_limit_is_enforced(ask, contract):
    due, key = contract.trait("limits.requests_per_minute"), ask.control.issue_key()
    answers = ask.parallel([lambda: ask.models(key=key)] * (due + 1))
    served = sum(answer.status == 200 for answer in answers)
    assert served == due, f"of {due + 1} requests within a minute {served} were served"
