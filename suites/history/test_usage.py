"""Usage by month: the sum of what was served, of this account alone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from harness.model import NotObserved
from suites.history.past import months, own_account, speak, used
from suites.reading import tokens

pytestmark = pytest.mark.cost(calls=6, completion_tokens=48)


@pytest.mark.requirement("VU-120")
def test_two_months_are_told(ask):
    for name, month in months(ask).items():
        assert isinstance(month, dict), f"{name} is no object"


@pytest.mark.requirement("VU-171")
@pytest.mark.parametrize("stream", [False, True])
def test_chat_adds_its_tokens(ask, stream):
    key = own_account(ask)
    before = used(ask, key, "chat")
    prompt = "Count from 1 to 9, separated by spaces."
    total = tokens(ask.chat(prompt, key=key, temperature=0), "total_tokens")
    if stream:
        ask.chat(prompt, key=key, temperature=0, stream=True)
    due = total * 2 if stream else total
    added = used(ask, key, "chat") - before
    assert added == due, f"answers of {due} tokens have added {added} to the usage of the month"


@pytest.mark.requirement("VU-171")
def test_speech_adds_its_characters(ask):
    key, text = own_account(ask), "Zażółć gęślą jaźń."
    before = used(ask, key, "tts")
    assert speak(ask, text, key).status == 200, "a speech was refused"
    added = used(ask, key, "tts") - before
    assert added == len(text), f"{len(text)} characters have added {added} to the usage of the month"
    speak(ask, "a" * 2001, key)
    refused = used(ask, key, "tts") - before - added
    assert refused == 0, f"a refused speech has added {refused} to the usage of the month"


@pytest.mark.requirement("VU-171")
def test_a_refused_chat_adds_nothing(ask):
    key = own_account(ask)
    before = used(ask, key, "chat")
    ask.chat("Hello", key=key, temperature=9)
    added = used(ask, key, "chat") - before
    assert added == 0, f"a refused request has added {added} to the usage of the month"


@pytest.mark.requirement("VU-158")
def test_usage_is_the_accounts_own(ask):
    key = own_account(ask)
    before = months(ask, key)
    ask.chat(key="second_tenant")
    assert months(ask, key) == before, "another account's request has changed the usage"


@pytest.mark.requirement("VU-172")
def test_a_month_becomes_the_one_before(ask):
    if not ask.alone:
        raise NotObserved("other workers of this run would live in another year; run this suite without -n")
    key = own_account(ask)
    try:
        ask.control.set_clock(datetime(2031, 1, 31, 12, tzinfo=UTC))
        speak(ask, "The lamp is lit.", key)  # a chat would be judged by its created, which is of another year
        during = used(ask, key, "tts")
        ask.control.set_clock(datetime(2031, 2, 1, 0, 0, 1, tzinfo=UTC))
        now, last = used(ask, key, "tts"), used(ask, key, "tts", "previous_month")
        ask.control.set_clock(datetime(2031, 3, 1, tzinfo=UTC))
        later = used(ask, key, "tts", "previous_month")
    finally:
        ask.control.set_clock(None)
    assert during > 0, "a request has added nothing to the usage of its month"
    assert (now, last) == (Decimal(0), during), (
        f"a month of {during} is told as {last} of the month before, and {now} of the next"
    )
    assert later == 0, f"two months later the month before is told with {later}"
