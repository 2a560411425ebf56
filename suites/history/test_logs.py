"""Request logs: what was asked, within a window, and no secret in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.asking.ask import OMIT, Ask
from harness.asking.control import Key
from harness.judge.calls import credential
from harness.judge.chat import member, objects
from harness.wire.exchange import Exchange
from suites.denials import invalid
from suites.history.past import own_account
from suites.reading import accepted

pytestmark = pytest.mark.cost(calls=6, completion_tokens=8)
PERIODS = (15, 30, 45, 60)
WRONG_PERIODS = {"none": OMIT, "14": 14, "20": 20, "120": 120, "0": 0, "text": "15", "a fraction": 15.5, "true": True}
WRONG_TIMES = {
    "a word": "yesterday",
    "a date of 13 months": "2026-13-01T00:00:00Z",
    "a number": 1700000000,
    "sql": "'--",
}


def query(ask: Ask, key: Any = "main", **members: Any) -> Exchange:
    body = {name: value for name, value in {"period": 60, **members}.items() if value is not OMIT}
    return ask.send("POST", "/requests", json=body, key=key)


def logged(ask: Ask, word: str, key: Any = "main", **members: Any) -> list[dict[str, Any]]:
    """The logged requests that hold a word that no other request has."""
    rows = objects(member(accepted(query(ask, key, **members), "a look at the log").json, "requests"))
    return [row for row in rows if word in str(row)]


def at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sent(x: Exchange) -> datetime:
    """When the server says that it answered, or when it was asked."""
    return datetime.fromisoformat(x.started)


@pytest.fixture
def marked(ask):
    """A chat request with a word of its own, and the word."""
    word = ask.draw(8).hex()
    return accepted(ask.chat(f"Say {word}.", max_tokens=4)), word


@pytest.mark.requirement("VU-130", "VU-135")
def test_a_request_is_logged(ask, marked):
    rows = logged(ask, marked[1])
    assert len(rows) == 1, f"one request is logged {len(rows)} times"
    (row,) = rows
    told = (row["method"], row["response_code"])
    assert told == ("POST", 200), f"a chat that was answered with 200 is logged as {told}"
    assert row["endpoint"].rstrip("/").endswith("/chat/completions"), f"a chat is logged as {row['endpoint']!r}"


@pytest.mark.requirement("VU-130")
def test_a_refusal_is_logged(ask):
    word = ask.draw(8).hex()
    ask.chat(f"Say {word}.", model=f"assay/{word}", max_tokens=4)
    codes = [row["response_code"] for row in logged(ask, word)]
    assert codes, "a refused request is not logged"
    assert all(400 <= code < 500 for code in codes), f"a refused request is logged with the codes {codes}"


@pytest.mark.requirement("VU-135")
def test_a_log_is_an_array(ask):
    answer = query(ask)
    assert answer.status == 200, f"a look at the log was answered with {answer.status}"
    assert isinstance(answer.json["requests"], list), "requests is not an array"


@pytest.mark.requirement("VU-131")
@pytest.mark.parametrize("body", [b"", b"[]", b'{"period": 15', b"period=15"])
def test_a_query_is_a_json_object(ask, body):
    answer = ask.send("POST", "/requests", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status < 500, f"a query that is no object was answered with {answer.status}"


@pytest.mark.requirement("VU-132")
@pytest.mark.parametrize("wrong", WRONG_PERIODS)
def test_another_period_is_refused(ask, contract, wrong):
    invalid(query(ask, period=WRONG_PERIODS[wrong]), contract, f"a period of {wrong}")


@pytest.mark.requirement("VU-132", "VU-169")
@pytest.mark.parametrize("period", PERIODS)
def test_a_period_reaches_back_so_far(ask, marked, period):
    answer, word = marked
    inside = at(sent(answer) + timedelta(minutes=period - 2))
    outside = at(sent(answer) + timedelta(minutes=period + 2))
    assert logged(ask, word, period=period, timestamp=inside), (
        f"{period} minutes do not reach {period - 2} minutes back"
    )
    assert not logged(ask, word, period=period, timestamp=outside), f"{period} minutes reach {period + 2} minutes back"


@pytest.mark.requirement("VU-133", "VU-169")
def test_a_window_ends_at_its_timestamp(ask, marked):
    answer, word = marked
    before = at(sent(answer) - timedelta(minutes=2))
    assert not logged(ask, word, timestamp=before), "a request is told that was made after the end of the window"
    assert logged(ask, word), "a request of this minute is not told where no timestamp is given"


@pytest.mark.requirement("VU-133")
@pytest.mark.parametrize("wrong", WRONG_TIMES)
def test_another_timestamp_is_refused(ask, contract, wrong):
    invalid(query(ask, timestamp=WRONG_TIMES[wrong]), contract, f"a timestamp that is {wrong}")


@pytest.mark.requirement("VU-134")
def test_an_endpoint_narrows_the_log(ask, marked):
    _, word = marked
    ask.send("GET", "/models")
    (row,) = logged(ask, word)
    endpoint = row["endpoint"]
    rows = query(ask, endpoint=endpoint).json["requests"]
    assert any(word in str(each) for each in rows), f"the endpoint {endpoint!r} hides a request that was made to it"
    others = {each["endpoint"] for each in rows} - {endpoint}
    assert not others, f"a search for {endpoint!r} tells requests to {sorted(others)[:3]}"


@pytest.mark.requirement("VU-157")
def test_nobody_reads_a_strangers_log(ask, marked):
    _, word = marked
    assert not logged(ask, word, key="second_tenant"), "a request is told to another account"


@pytest.mark.requirement("VU-168")
def test_no_key_stands_in_a_log(ask):
    key, word = own_account(ask), ask.draw(8).hex()
    value = key.value if isinstance(key, Key) else ask.target.keys["main"]
    shown = credential(ask.chat(f"My key is {value.reveal()}, and {word}.", key=key, max_tokens=4))
    rows = str(logged(ask, word, key=key))
    assert word in rows, "the request is not logged at all"
    assert shown is not None
    assert shown not in rows, "the caller's key stands in the log"  # as it stands in what is recorded of any answer
    assert "bearer" not in rows.lower(), "the log holds the header that carries the key"
