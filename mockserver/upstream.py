"""The inference provider behind the gateway: an OpenAI body in, pieces out, a log of what it was asked.

Its faults are scripted through the control API. It knows no accounts and no prices.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from mockserver.clock import Clock
    from mockserver.gateway import Gateway

FAULTS = frozenset({"drop_after_chunks", "omit_usage", "fail_before_first_byte", "error_in_stream", "hang"})
KEPT_CALLS = 20_000


class UpstreamFailure(Exception):
    """The provider failed or went away before its answer was complete."""


class Aborted(Exception):
    """The gateway told the provider to stop."""


class Piece(NamedTuple):
    """One step of one choice: bytes of text, a part of a tool call, a finish, or the final usage."""

    step: int
    choice: int
    text: bytes = b""
    tool: dict[str, Any] | None = None
    finish: str | None = None
    logprobs: list[dict[str, Any]] | None = None
    tokens: int = 0
    usage: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What the engine works on; `nonce` differs from call to call, `max_tokens` bounds each choice."""

    gateway: Gateway
    body: dict[str, Any]
    nonce: int
    max_tokens: int
    fixed_tokens: int | None


@dataclass(slots=True)
class Fault:
    """A scripted failure, used up after `times` matching calls; `at` counts delivered chunks."""

    kind: str
    at: int = 0
    times: int = 1
    model: str | None = None


@dataclass(slots=True)
class CallRecord:
    """One row of the provider's log."""

    n: int
    request_id: str
    account: str
    model: str
    body: dict[str, Any]
    started: float
    usage: dict[str, int] | None = None
    chunks: int = 0
    outcome: str = "running"
    ended: float | None = None


@dataclass(slots=True)
class Pace:
    """Seconds to the first token and between tokens; deadlines are absolute, so lateness does not add up."""

    ttft: float = 0.002
    itl: float = 0.001


@dataclass(slots=True)
class Upstream:
    """Starts generations and remembers them."""

    gateway: Gateway
    clock: Clock
    pace: Pace = field(default_factory=Pace)
    seed: int = 0
    fixed_tokens: int | None = None
    idle_s: float = 30.0
    calls: deque[CallRecord] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS))
    faults: list[Fault] = field(default_factory=list)
    started: int = 0

    def start(self, body: dict[str, Any], request_id: str, account: str, cap: int) -> Generation:
        """Begin one generation of at most `cap` tokens a choice."""
        self.started += 1
        record = CallRecord(self.started, request_id, account, body["model"], body, self.clock.now())
        self.calls.append(record)
        job = Job(self.gateway, body, self.seed * 1_000_003 + self.started, cap, self.fixed_tokens)
        return Generation(self, record, self.gateway.generate(job), self._take_fault(body["model"]))

    def since(self, mark: int) -> list[CallRecord]:
        return [record for record in self.calls if record.n > mark]

    def reset(self) -> None:
        self.faults.clear()

    def _take_fault(self, model: str) -> Fault | None:
        for fault in self.faults:
            if fault.model in (None, model):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None


class Generation:
    """One answer being produced. Ends as completed, aborted, failed or dropped, exactly once."""

    __slots__ = (
        "_at",
        "_at_once",
        "_fault",
        "_loop",
        "_pieces",
        "_t0",
        "_upstream",
        "_waiter",
        "aborted",
        "record",
        "tokens",
    )

    def __init__(self, upstream: Upstream, record: CallRecord, pieces: list[Piece], fault: Fault | None = None) -> None:
        self._upstream = upstream
        self._pieces = pieces
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._t0 = self._loop.time() + upstream.pace.ttft
        self._at = 0
        self._waiter: asyncio.Future[None] | None = None
        self.record = record
        self.tokens = 0
        self.aborted = False
        self._at_once = False

    async def next(self) -> Piece | None:
        """The next piece when it is due; None after the last. Raises Aborted or UpstreamFailure."""
        if self._at >= len(self._pieces):
            self._end("completed")
            return None
        piece = self._pieces[self._at]
        await self._reach(piece.step)
        if self._fault is not None:
            await self._misbehave(self._fault)
        if self.aborted:
            raise Aborted
        self._take(piece)
        if piece.usage is not None and self._fault is not None and self._fault.kind == "omit_usage":
            self.record.usage = None
            return None
        return piece

    async def rest(self) -> list[Piece]:
        """All pieces at once, when the last is due: what a request without a stream waits for."""
        if self._fault is not None:
            return [piece async for piece in self]
        self._at_once = True
        await self._reach(self._pieces[-1].step)
        if self.aborted:
            raise Aborted
        self._take_all()
        return self._pieces

    def __aiter__(self) -> Generation:
        return self

    async def __anext__(self) -> Piece:
        piece = await self.next()
        if piece is None:
            raise StopAsyncIteration
        return piece

    def abort(self) -> None:
        """Stop the work; what was generated so far stays counted."""
        if self.record.outcome != "running":
            return
        self.aborted = True
        if self._at_once:
            self._take_due()
        self.record.usage = self.usage_so_far()
        self._end("aborted")
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def usage_so_far(self) -> dict[str, int]:
        """Tokens read and generated until now."""
        last = self._pieces[-1].usage or {}
        prompt = last.get("prompt_tokens", 0)
        return {"prompt_tokens": prompt, "completion_tokens": self.tokens, "total_tokens": prompt + self.tokens}

    def _take(self, piece: Piece) -> None:
        self._at += 1
        self.tokens += piece.tokens
        if piece.text or piece.tool:
            self.record.chunks += 1
        if piece.usage is not None:
            self.record.usage = piece.usage
        if self._at == len(self._pieces):
            self._end("completed")

    def _take_all(self) -> None:
        """What `_take` does, for every piece in one pass."""
        self._at = len(self._pieces)
        self.tokens = sum([piece.tokens for piece in self._pieces])
        self.record.chunks = sum([1 for piece in self._pieces if piece.text or piece.tool])
        self.record.usage = self._pieces[-1].usage
        self._end("completed")

    def _take_due(self) -> None:
        """Count what the engine has generated by now for a caller that waits for the whole."""
        for piece in self._pieces:
            if piece.usage is None and self._due(piece.step) <= self._loop.time():
                self._take(piece)

    def _end(self, outcome: str) -> None:
        if self.record.outcome == "running":
            self.record.outcome = outcome
            self.record.ended = self._upstream.clock.now()

    def _due(self, step: int) -> float:
        return self._t0 + step * self._upstream.pace.itl

    async def _reach(self, step: int) -> None:
        delay = self._due(step) - self._loop.time()
        if delay > 0:
            await self._wait(delay)
        elif self._at & 31 == 31:
            await asyncio.sleep(0)  # an unpaced stream must not starve the others

    async def _wait(self, delay: float) -> None:
        """Until the delay is over or the generation is aborted."""
        if self.aborted:
            return
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(delay, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    async def _misbehave(self, fault: Fault) -> None:
        if fault.kind == "omit_usage" or self.record.chunks < fault.at:
            return
        if fault.kind == "hang":
            await self._wait(self._upstream.idle_s)
            if self.aborted:
                return
        if self.aborted:
            raise Aborted
        self._end("dropped" if fault.kind in ("drop_after_chunks", "hang") else "failed")
        raise UpstreamFailure(fault.kind)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
