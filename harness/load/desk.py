"""Hands requests out to the users and takes their answers in; knows when the load is over. No sockets, no locust."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gevent.event import Event

from harness.exchange import Chunk, Exchange, Headers, Request
from harness.load.figures import ANSWERED, CUT, Stream
from harness.load.reader import Answer
from harness.load.scenario import Scenario

EXTRA_FAILURES = 50  # failures that are kept whole although they were not in the sample


class Desk:
    """One load. All its methods are called from greenlets of one thread."""

    def __init__(self, scenario: Scenario, headers: Headers, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self.scenario, self.headers = scenario, headers
        self.streams: list[Stream] = []
        self.kept: dict[int, Answer] = {}
        self.crash: BaseException | None = None
        self.over = Event()
        self._clock = clock
        self._sample = scenario.sampled()
        self._next = self._in_flight = self._extra = 0
        self._closed = False
        self._started_ns: int | None = None
        self._offset = datetime.now(UTC) - timedelta(microseconds=time.perf_counter_ns() / 1000)

    def take(self) -> int | None:
        """The number of the next request, or None when there is none: the time, or the requests, are used up."""
        now = self._clock()
        self._started_ns = now if self._started_ns is None else self._started_ns
        late = now - self._started_ns >= self.scenario.seconds * 1e9
        if self._closed or late or self._next >= len(self.scenario.bodies):
            self.close()
            return None
        self._next, self._in_flight = self._next + 1, self._in_flight + 1
        return self._next - 1

    def put(self, number: int, answer: Answer) -> Stream:
        """Take an answer in: its figures always, all of it when it is in the sample or failed."""
        stream = self._stream(answer)
        self.streams.append(stream)
        failed = stream.outcome not in {ANSWERED, CUT}
        if number in self._sample:
            self.kept[number] = answer
        elif failed and self._extra < EXTRA_FAILURES:
            self.kept[number] = answer
            self._extra += 1
        self._in_flight -= 1
        if self._closed and not self._in_flight:
            self.over.set()
        return stream

    def close(self) -> None:
        """Hand out nothing more; the load is over when the last answer is in."""
        self._closed = True
        if not self._in_flight:
            self.over.set()

    def crashed(self, error: BaseException) -> None:
        """Our own fault: end at once and say so."""
        self.crash = self.crash or error
        self.close()
        self.over.set()

    def exchanges(self) -> list[Exchange]:
        """What was kept, in the order of the requests."""
        return [self._exchange(number, answer) for number, answer in sorted(self.kept.items())]

    def _stream(self, answer: Answer) -> Stream:
        progress = answer.progress
        return Stream(
            status=answer.status,
            fault=answer.fault.kind if answer.fault else None,
            is_stream=answer.is_stream,
            done=progress.done,
            failed=progress.failed,
            started_ns=answer.started_ns - (self._started_ns or 0),
            end_ns=answer.end_ns,
            connected_ns=None if answer.on_kept_connection else answer.connected_ns,
            first_ns=progress.first_ns,
            gaps_ns=progress.gaps_ns,
            outputs=progress.outputs,
            coalesced=progress.coalesced,
            tokens=progress.tokens,
        )

    def _exchange(self, number: int, answer: Answer) -> Exchange:
        body = self.scenario.bodies[number].encode()
        headers = (*self.headers, ("Content-Length", str(len(body))))
        intent: Mapping[str, Any] = {"load": number}
        return Exchange(
            id=f"load{number:06d}",
            probe="loaded",
            request=Request("POST", self.scenario.url, headers, body),
            head_status=answer.status,
            headers=tuple(answer.headers),
            chunks=tuple(Chunk(at_ns, data) for at_ns, data in answer.pieces),
            fault=answer.fault,
            started=self._utc(answer.started_ns),
            head_ns=answer.head_ns,
            end_ns=answer.end_ns,
            intent=intent,
        )

    def _utc(self, at_ns: int) -> str:
        at = self._offset + timedelta(microseconds=at_ns / 1000)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
