"""What is understood later is what would have been understood at once, at the times of its reads."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.load.answer import MOST_HELD, Answer
from tests.load.servers import DONE, ROLE, USAGE, chunked, event, said

ODD = (
    *(b"data: {broken\n\n", b"data: \n\n", b": a comment\n\n", b"event: x\ndata: 1\n\n", b"data: {}\r\n\r\n"),
    *(b'data: {"choices":\ndata: []}\n\n', b"data: \xff\n\n", b"data: {} {}\n\n", b"data: 8\n\n\r\n", b"\n\n"),
    event({"error": {"message": "no"}}),
)
EVENTS = st.lists(st.sampled_from([said("a"), said("b"), said("c"), ROLE, USAGE, DONE, *ODD]), min_size=1, max_size=40)


def read_as(reads: list[bytes], step_ns: int = 1000) -> Answer:
    """An answer of reads that arrived `step_ns` apart."""
    answer = Answer(1 << 20, 10_000)
    answer.started_ns -= step_ns * (len(reads) + 1)  # all of it is past
    for number, data in enumerate(reads, start=1):
        answer.feed(data, answer.started_ns + number * step_ns)
    answer.finish()
    return answer


def learned(answer: Answer) -> dict[str, Any]:
    progress = answer.progress
    found = {name: getattr(progress, name) for name in ("outputs", "tokens", "done", "failed", "answer_id")}
    return {**found, "body": answer.body, "complete": answer.complete, "fault": answer.fault, "status": answer.status}


@given(EVENTS, st.lists(st.integers(1, 5000), max_size=30), st.booleans())
def test_however_it_is_cut_it_says_the_same(events: list[bytes], cuts: list[int], as_sent: bool) -> None:
    sent = chunked(*events)
    whole = b"".join(sent)
    marks = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    reads = sent if as_sent else [whole[a:b] for a, b in pairwise(marks)]
    expected = learned(read_as([whole[at : at + 1] for at in range(len(whole))]))
    assert learned(read_as(reads)) == expected
    assert expected["complete"]
    assert expected["body"] == b"".join(events)


@given(st.integers(1, 3 * MOST_HELD))
def test_every_event_has_the_time_of_its_read(count: int) -> None:
    answer = read_as(chunked(*[said("a")] * count, DONE), step_ns=1000)
    assert answer.progress.first_ns == 2000
    assert list(answer.progress.gaps_ns) == [1000] * (count - 1)
    assert [at_ns for at_ns, _ in answer.pieces] == [1000 * n for n in range(2, count + 3)]
    assert answer.last_ns == 1000 * (count + 3)


def test_reads_of_several_whole_events_share_a_time() -> None:
    head, *bodies = chunked(*[said("a")] * 6, DONE)
    answer = read_as([head, b"".join(bodies[:3]), b"".join(bodies[3:6]), *bodies[6:]])
    assert (answer.progress.outputs, answer.progress.coalesced) == (6, 4)
    assert list(answer.progress.gaps_ns) == [0, 0, 1000, 0, 0]


def test_a_clock_that_was_set_moves_nothing_into_the_future_or_back() -> None:
    answer = Answer(1 << 20, 10_000)
    hour = 3_600_000_000_000
    for data, ahead in zip(chunked(said("a"), said("b"), said("c"), DONE), (0, hour, -hour, 0, 0, 0), strict=True):
        answer.feed(data, answer.started_ns + ahead)
    answer.finish()
    assert 0 <= (answer.progress.first_ns or 0) < hour
    assert all(0 <= gap < hour for gap in answer.progress.gaps_ns)


def test_limits_hold_for_what_is_held() -> None:
    answer = Answer(1 << 20, 5)
    for number, data in enumerate(chunked(*[said("a")] * 100)):
        if not answer.is_over:
            answer.feed(data, answer.started_ns + number)
    assert answer.fault is not None
    assert answer.fault.kind == "event-cap"
    assert answer.progress.outputs <= 5 + MOST_HELD


def test_an_event_that_is_nested_too_deeply_is_no_token_and_no_exception() -> None:
    deep = b'data: {"x":' + b"[" * 1500 + b"]" * 1500 + b"}\n\n"
    before = [said("a")] * (MOST_HELD + 2)  # the first of them go to the general parser
    answer = read_as(chunked(*before, deep, said("b"), DONE))
    assert (answer.fault, answer.complete, answer.progress.outputs) == (None, True, len(before) + 1)
