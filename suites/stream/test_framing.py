"""A stream as a transport: headers, events, the end marker, arrival, and clients that leave."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.judge import framing
from harness.judge.chat import content
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.reading import accepted
from suites.stream.conftest import ECHO, ask_long_stream, count_for, upstream_call


@pytest.mark.requirement("OC-080", "VT-060")
def test_stream_is_event_stream(streams, holds):
    holds(framing.stream_is_event_stream, *streams)


@pytest.mark.requirement("OC-081")
def test_events_are_json_or_done(streams, echo_stream, tool_stream, holds):
    holds(framing.events_are_json_or_done, *streams, echo_stream, tool_stream)


@pytest.mark.requirement("OC-081")
def test_errors_in_a_stream_are_json(failed_streams, holds):
    holds(framing.events_are_json_or_done, *failed_streams)


@pytest.mark.requirement("OC-082", "VT-063", "VT-066")
def test_done_is_last_and_once(streams, tool_stream, cut_stream, holds):
    holds(framing.done_is_last_and_once, *streams, tool_stream, cut_stream)


@pytest.mark.requirement("OC-090")
def test_streamed_and_whole_answers_agree(counted, counted_stream):
    whole = content(accepted(counted))
    assert content(accepted(counted_stream)) == whole, "the same request at temperature 0 gives another text streamed"


@pytest.mark.requirement("OC-091")
def test_stream_is_whole_utf8(request, echo_stream, holds):
    holds(framing.events_are_utf8, echo_stream)
    request.getfixturevalue("repeats")  # what follows needs a model that does as it is told
    said = content(echo_stream)
    assert "\ufffd" not in said, f"the text asked back holds U+FFFD: {said[:200]!r}"
    lost = sorted(set(ECHO) - set(said))
    assert not lost, f"characters asked back did not arrive: {lost}"


@pytest.mark.requirement("OC-096")
def test_chunks_are_sent_once(counted, streams, echo_stream, holds):
    holds(framing.chunks_are_sent_once, *streams, echo_stream)
    if _counts_up(content(counted)):
        wrong = [content(stream) for stream in streams if not _counts_up(content(stream))]
        assert not wrong, f"the stream counts otherwise than the whole answer: {wrong[0][:200]!r}"


@pytest.mark.requirement("OC-096")
def test_errors_in_a_stream_are_sent_once(failed_streams, holds):
    holds(framing.chunks_are_sent_once, *failed_streams)


def _counts_up(text: str) -> bool:
    """Whether the numbers of a text, from its last 1 on, go up in steps of one."""
    numbers = [int(number) for number in re.findall(r"\d{1,9}", text)]
    if 1 not in numbers:
        return False
    counted = numbers[len(numbers) - 1 - numbers[::-1].index(1) :]
    return len(counted) > 5 and counted == list(range(1, len(counted) + 1))


@pytest.mark.requirement("OC-097", "VT-055")
@pytest.mark.cost(calls=2, completion_tokens=320)
def test_content_arrives_over_time(ask: Ask, long_stream):
    """A burst is confirmed twice more: our own process may have been asleep when the events arrived."""
    seen = _burst(long_stream)
    for _ in range(2):
        seen = seen and _burst(ask_long_stream(ask))
    assert not seen, f"the content arrives in one burst: {seen}"


def _burst(stream: Exchange) -> str | None:
    if not framing.is_measurable(stream):
        raise NotObserved("the stream was too short to tell a burst from a stream")
    return framing.burst(stream)


@pytest.mark.requirement("OC-099")
def test_no_stream_unless_asked(plain, unstreamed, holds):
    holds(framing.no_stream_unless_asked, plain, unstreamed)


@pytest.mark.requirement("OC-105")
def test_stream_is_not_stored(streams, holds):
    holds(framing.stream_is_not_stored, *streams)


@pytest.mark.requirement("OC-100")
@pytest.mark.cost(calls=1, completion_tokens=600)
def test_client_that_leaves_stops_the_work(ask: Ask):
    mark, word = ask.provider.mark(), ask.draw(6).hex()
    left = ask.chat(count_for(word, 900), stream=True, max_tokens=600, abort_after=3)
    call = _ended(ask, mark, word, within_s=3)
    outcome = call["outcome"]
    if outcome == "completed" and _worked_s(call) * 1e9 <= left.end_ns + 100e6:
        raise NotObserved("the whole answer was generated before the client could leave")
    assert outcome not in {"running", "completed"}, f"the client left after 3 events, and the work is {outcome}"


def _ended(ask: Ask, mark: int, word: str, *, within_s: float) -> dict[str, Any]:
    """The upstream call once it is over, or as it is when the time is up."""
    deadline = time.monotonic() + within_s
    while (call := upstream_call(ask, mark, word))["outcome"] == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    return call


def _worked_s(call: dict[str, Any]) -> float:
    started, ended = (datetime.fromisoformat(call[name]) for name in ("started", "ended"))
    return (ended - started).total_seconds()


LEFT = 6  # streams that are left one after the other


@pytest.mark.requirement("OC-101")
@pytest.mark.cost(calls=LEFT + 1, completion_tokens=LEFT * 256)
def test_aborted_streams_do_not_wear_the_server_out(ask: Ask):
    for _ in range(LEFT):
        ask.chat(count_for("on", 300), stream=True, max_tokens=256, abort_after=2).answered()  # long enough to be left
    after = ask.chat(max_tokens=4)
    assert after.status == 200, f"after {LEFT} aborted streams the next request is answered {after.status}"
