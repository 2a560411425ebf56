"""Hands requests out to the users and takes their answers in; knows when the load is over. No sockets, no locust."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from gevent.event import Event

from harness.exchange import Chunk, Exchange, Headers, Request
from harness.load.answer import Answer
from harness.load.arrivals import due
from harness.load.progress import LONGEST_ID
from harness.load.scenario import Scenario
from harness.load.stream import ANSWERED, CUT, Stream
from harness.load.tally import Tally
from harness.load.workload import Asked

EXTRA_FAILURES = 50  # failures that are kept whole although they were not in the sample
Place = tuple[int, int]  # number and turn of a request


class Desk:
    """One generator's part of a load: every `of`-th request from `index` on. All greenlets are of one thread.

    `headers` are those of each key, which the requests use in turn.
    """

    def __init__(
        self,
        scenario: Scenario,
        *headers: Headers,
        clock: Callable[[], int] = time.perf_counter_ns,
        index: int = 0,
        of: int = 1,
    ) -> None:
        self.scenario, self.headers, self.index, self.of = scenario, headers or ((),), index, of
        self.tally = self._empty_tally()
        self.rows: list[Stream] = []  # not handed over yet
        self.kept: dict[Place, tuple[Asked, Answer]] = {}
        self.crash: BaseException | None = None
        self.over = Event()
        self._clock = clock
        self._sample = scenario.sampled() if scenario.workload is None else frozenset[int]()
        self._drawn: list[Place] = []  # the sample, where nobody knows before how many requests there will be
        self._chance = random.Random(scenario.seed + index)  # noqa: S311 - a reproducible choice, not a secret
        self._next, self._seen, self._in_flight, self._extra = index, 0, 0, 0
        self._closed = False
        self._started_ns: int | None = None
        self._offset = datetime.now(UTC) - timedelta(microseconds=time.perf_counter_ns() / 1000)

    def _empty_tally(self) -> Tally:
        return Tally(self.scenario.seconds, self.scenario.levels(), self.scenario.warm_up_s)

    def begin(self) -> None:
        """The load's time starts now, unless it has."""
        self._started_ns = self._clock() if self._started_ns is None else self._started_ns

    def since_start(self) -> int:
        """Nanoseconds."""
        return 0 if self._started_ns is None else self._clock() - self._started_ns

    @property
    def in_flight(self) -> int:
        return self._in_flight

    # --- Going out

    def take(self) -> int | None:
        """The number of the next request, or None when there is none: the time, or the requests, are used up."""
        self.begin()
        late = self.since_start() >= self.scenario.seconds * 1e9
        if self._closed or late or self._is_last(self._next):
            self.close()
            return None
        self._next += self.of
        self._goes_out()
        return self._next - self.of

    def plan(self) -> Iterator[tuple[int, int]]:
        """Number and due time (nanoseconds from the start) of this part of an open loop."""
        assert self.scenario.arrivals is not None
        for number, at_ns in enumerate(due(self.scenario.arrivals, self.scenario.seconds, self.scenario.seed)):
            if self._is_last(number):
                return
            if number % self.of == self.index:
                yield number, at_ns

    def admit(self, at_ns: int) -> bool:
        """Whether a request that is due may go out; one that may not is dropped and counted."""
        if self._closed:
            return False
        if self._in_flight * self.of >= self.scenario.max_in_flight:
            self.tally.slot(at_ns).counts["dropped"] += 1
            return False
        self._goes_out()
        return True

    def _is_last(self, number: int) -> bool:
        return self.scenario.limit is not None and number >= self.scenario.limit

    def _goes_out(self) -> None:
        self._in_flight += 1
        self.tally.slot(self.since_start()).reach(f"in_flight {self.index}", self._in_flight)

    # --- Coming in

    def put(
        self, number: int, answer: Answer, asked: Asked | None = None, turn: int = 0, due_ns: int | None = None
    ) -> Stream:
        """Take an answer in: its figures always, all of it when it is in the sample or failed."""
        made = asked or self.scenario.asked(number, turn)
        place = (number, turn)
        stream = self._stream(place, made, answer, due_ns)
        self.tally.add(stream)
        self.rows.append(stream)
        if self._keeps(place, stream):
            self.kept[place] = (made, answer)
        return stream

    def finish(self) -> None:
        """A conversation is over."""
        self._in_flight -= 1
        if self._closed and not self._in_flight:
            self.over.set()

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

    def _keeps(self, place: Place, stream: Stream) -> bool:
        self._seen += 1
        if self.scenario.keep_all or place[0] in self._sample:
            return True
        if self.scenario.workload is not None and self._is_drawn(place):
            return True
        if stream.outcome in {ANSWERED, CUT} or self._extra >= EXTRA_FAILURES:
            return False
        self._extra += 1
        return True

    def _is_drawn(self, place: Place) -> bool:
        """Sampling with a reservoir: whatever their number turns out to be, each request is as likely to be kept."""
        room = self.scenario.sample // self.of
        if len(self._drawn) < room:
            self._drawn.append(place)
            return True
        if not room or (chosen := self._chance.randrange(self._seen)) >= room:
            return False
        self.kept.pop(self._drawn[chosen], None)
        self._drawn[chosen] = place
        return True

    # --- Handing over

    def handed_over(self) -> tuple[Tally, list[Stream]]:
        """What came in since the last time."""
        tally, rows, self.tally, self.rows = self.tally, self.rows, self._empty_tally(), []
        self.tally.slot(self.since_start()).reach(f"in_flight {self.index}", self._in_flight)
        return tally, rows

    def exchanges(self) -> list[Exchange]:
        """What was kept and not handed over yet, in the order of the requests."""
        found, self.kept = sorted(self.kept.items(), key=lambda item: item[0]), {}
        return [self._exchange(place, asked, answer) for place, (asked, answer) in found]

    def key_of(self, number: int) -> int:
        """Which of the keys asks request `number`: in turn, also over several generators."""
        return number // self.of % len(self.headers)

    def _stream(self, place: Place, asked: Asked, answer: Answer, due_ns: int | None) -> Stream:
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
            due_ns=due_ns,
            number=place[0],
            turn=place[1],
            model=asked.model,
            key=self.scenario.credentials[self.key_of(place[0])] or "",
            asked_stream=asked.streamed,
            request_id=answer.header("x-request-id")[:LONGEST_ID],
            answer_id=progress.answer_id,
            kept=answer.on_kept_connection,
            at=self._utc(answer.started_ns, "microseconds"),
        )

    def _exchange(self, place: Place, asked: Asked, answer: Answer) -> Exchange:
        number, turn = place
        headers = (*self.headers[self.key_of(number)], ("Content-Length", str(len(asked.body))))
        intent: dict[str, Any] = {"load": number, **({"turn": turn} if turn else {})}
        if asked.abort_after is not None:
            intent["abort_after"] = asked.abort_after
        return Exchange(
            id=f"load{number:06d}" + (f"t{turn}" if turn else ""),
            probe="loaded",
            request=Request("POST", self.scenario.url, headers, asked.body),
            head_status=answer.status,
            headers=tuple(answer.headers),
            chunks=tuple(Chunk(at_ns, data) for at_ns, data in answer.pieces),
            fault=answer.fault,
            started=self._utc(answer.started_ns),
            head_ns=answer.head_ns,
            end_ns=answer.end_ns,
            intent=intent,
        )

    def _utc(self, at_ns: int, digits: str = "milliseconds") -> str:
        at = self._offset + timedelta(microseconds=at_ns / 1000)
        return at.isoformat(timespec=digits).replace("+00:00", "Z")
