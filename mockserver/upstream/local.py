"""The inference provider inside the mock: an OpenAI body in, pieces out, a log of what it was asked.

It knows no accounts and no prices. What goes wrong is a scripted fault.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mockserver.upstream.faults import OF_THE_ANSWER, Fault, Script
from mockserver.upstream.log import KEPT_CALLS, CallRecord
from mockserver.upstream.pieces import Aborted, Piece, Plain, Push, Text, UpstreamFailure, tokens_of
from mockserver.upstream.ticker import Ticker

if TYPE_CHECKING:
    from mockserver.clock import Clock
    from mockserver.gateway import Gateway

HALF_A_TICK = 0.0005  # seconds
ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@dataclass(slots=True)
class Job:
    """What the engine works on; `nonce` differs from call to call, `max_tokens` bounds each choice."""

    gateway: Gateway
    body: dict[str, Any]
    nonce: int
    max_tokens: int
    fixed_tokens: int | None


@dataclass(slots=True)
class Pace:
    """Seconds to the first token and between tokens; deadlines are absolute, so lateness does not add up."""

    ttft: float = 0.002
    itl: float = 0.001


@dataclass(slots=True)
class LocalUpstream:
    """Starts generations and remembers them."""

    gateway: Gateway
    clock: Clock
    pace: Pace = field(default_factory=Pace)
    seed: int = 0
    fixed_tokens: int | None = None
    idle_s: float = 30.0
    calls: deque[CallRecord] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS))
    script: Script = field(default_factory=Script)
    kinds: frozenset[str] = OF_THE_ANSWER  # faults that it can have
    started: int = 0
    _ticker: Ticker | None = None

    def ticker(self) -> Ticker:
        """The one of all that it generates in this loop."""
        ticker, loop = self._ticker, asyncio.get_running_loop()
        if ticker is None or ticker.loop is not loop:
            ticker = self._ticker = Ticker(loop)
        return ticker

    def start(
        self, body: dict[str, Any], request_id: str, account: str, cap: int, since: float | None = None
    ) -> LocalGeneration:
        """Begin one generation of at most `cap` tokens a choice."""
        self.started += 1
        record = CallRecord(self.started, request_id, account, body["model"], body, self.clock.now())
        self.calls.append(record)
        job = Job(self.gateway, body, self.seed * 1_000_003 + self.started, cap, self.fixed_tokens)
        pieces, fault = self.gateway.generate(job), None
        if self.script.faults:
            fault = self.script.take(self.started, body["model"], body.get("stream") is True)
            record.fault = fault.kind if fault else None
        return LocalGeneration(self, record, pieces, fault, since)

    async def rows(self) -> list[dict[str, Any]]:
        """None of its own: the mock's catalogue is the provider's."""
        return []

    async def close(self) -> None:
        """It has no connections."""

    def since(self, mark: int) -> list[CallRecord]:
        return [record for record in self.calls if record.n > mark]

    def reset(self) -> None:
        self.script.reset()


class LocalGeneration:
    """One answer being produced. Ends as completed, aborted, failed or dropped, exactly once."""

    __slots__ = (
        "_at",
        "_at_once",
        "_itl",
        "_last",
        "_now",
        "_pieces",
        "_push",
        "_t0",
        "_ticker",
        "_upstream",
        "_usage",
        "_waiter",
        "aborted",
        "fault",
        "record",
        "tokens",
    )

    def __init__(
        self,
        upstream: LocalUpstream,
        record: CallRecord,
        pieces: list[Piece],
        fault: Fault | None = None,
        since: float | None = None,
    ) -> None:
        self._upstream = upstream
        self._usage = pieces[-1].usage or ZERO
        self._pieces = pieces if fault is None else _with_fault(pieces, fault)
        self.fault = fault
        self._ticker = upstream.ticker()
        self._now = self._ticker.now
        self._itl = upstream.pace.itl
        self._t0 = (self._now() if since is None else since) + upstream.pace.ttft
        if fault is not None and fault.kind == "delay":
            self._t0 += fault.seconds
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
        if self.fault is not None and self.fault.kind in _ENDINGS:
            await self._misbehave(self.fault)
        if self.aborted:
            raise Aborted
        self._take(piece)
        return piece

    def due(self) -> Piece | None:
        """What `next` would give without waiting. Every 32nd piece is waited for: others must not starve."""
        at = self._at
        if at >= len(self._pieces) or at & 31 == 31 or self.aborted or self.fault is not None:
            return None
        piece = self._pieces[at]
        if self._due(piece.step) > self._now():
            return None
        self._take(piece)
        return piece

    def upcoming(self) -> tuple[Plain, int] | None:
        """A choice that stands alone, and its next token; None where something stands in their way."""
        pieces = self._pieces
        if not isinstance(pieces, Text) or self._at >= len(pieces.plain.tokens) or not pieces.plain.text.isascii():
            return None
        if self.aborted or self.fault is not None:
            return None
        self._last = len(pieces.plain.tokens)
        return pieces.plain, self._at

    def take_due(self) -> int:
        """Take the upcoming tokens that are due; each is a piece, and piece number n is due at step n."""
        at, last, itl = self._at, self._last, self._itl
        due_by = self._now() + HALF_A_TICK - self._t0
        if (last - 1) * itl <= due_by:
            at = last
        while at < last and at * itl <= due_by:
            at += 1
        taken = at - self._at
        self._at = at
        self.tokens += taken
        self.record.chunks += taken
        return taken

    async def play(self, push: Push) -> None:
        """Push each upcoming token when it is due, without a task that wakes up for each.

        Ends early when the answer is aborted or `push` says so.
        """
        self._push, self._waiter = push, self._ticker.loop.create_future()
        self._ticker.at(self._t0 + self._at * self._itl, self._tick)
        await self._waiter
        self._waiter = None

    def _tick(self) -> None:
        """Some tokens are due; whoever waits is woken when no more are to be pushed."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        taken = self.take_due()
        try:
            more = not taken or (self._push(taken) and self._at < self._last)
        except Exception as error:
            waiter.set_exception(error)  # a matter of whoever streams
            return
        if not more:
            waiter.set_result(None)
        else:
            self._ticker.at(self._t0 + self._at * self._itl, self._tick)

    @property
    def over(self) -> bool:
        return self._at >= len(self._pieces)

    async def rest(self) -> list[Piece]:
        """All pieces at once, when the last is due: what a request without a stream waits for."""
        if self.fault is not None:
            return [piece async for piece in self]
        self._at_once = True
        if (delay := self._due(self._pieces[-1].step) - self._now()) > 0:
            await self._wait(delay)
        if self.aborted:
            raise Aborted
        self._take_all()
        return self._pieces

    def __aiter__(self) -> LocalGeneration:
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
        prompt = self._usage["prompt_tokens"]
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
        pieces = self._pieces
        self._at = len(pieces)
        if isinstance(pieces, Text):
            self.tokens = self.record.chunks = len(pieces.plain.tokens)
        else:
            self.tokens = sum(map(tokens_of, pieces))
            self.record.chunks = sum([1 for piece in pieces if piece.text or piece.tool])
        self.record.usage = pieces[-1].usage
        self._end("completed")

    def _take_due(self) -> None:
        """Count what the engine has generated by now for a caller that waits for the whole."""
        for piece in self._pieces:
            if piece.usage is None and self._due(piece.step) <= self._now():
                self._take(piece)

    def _end(self, outcome: str) -> None:
        if self.record.outcome == "running":
            self.record.outcome = outcome
            self.record.ended = self._upstream.clock.now()

    def _due(self, step: int) -> float:
        return self._t0 + step * self._itl

    async def _reach(self, step: int) -> None:
        delay = self._due(step) - self._now()
        if delay > 0:
            await self._wait(delay)
        elif self._at & 31 == 31:
            await asyncio.sleep(0)  # an unpaced stream must not starve the others

    async def _wait(self, delay: float) -> None:
        """Until the delay is over or the generation is aborted."""
        if self.aborted:
            return
        waiter = self._waiter = self._ticker.loop.create_future()
        timer = self._ticker.loop.call_later(delay, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    async def _misbehave(self, fault: Fault) -> None:
        if self.record.chunks < fault.at and fault.kind not in _AT_ONCE:
            return
        if fault.kind == "hang":
            await self._wait(self._upstream.idle_s)
        if self.aborted:
            raise Aborted
        self._end("dropped" if fault.kind in ("drop_after_chunks", "hang") else "failed")
        raise UpstreamFailure(fault.kind)


_AT_ONCE = frozenset({"fail_before_first_byte", "refuse"})
_ENDINGS = _AT_ONCE | {"drop_after_chunks", "error_in_stream", "hang"}


def _with_fault(pieces: list[Piece], fault: Fault) -> list[Piece]:
    """The pieces as a provider with this fault would send them."""
    *said, last = pieces
    if fault.kind == "omit_usage":
        return said
    if fault.kind == "zero_usage":
        return [*said, last._replace(usage=dict(ZERO))]
    if fault.kind == "cumulative_usage" and last.usage is not None:
        return _counting(said, last)
    if fault.kind == "duplicate_chunk":
        return [*_with_duplicate(said, fault.at), last]
    return pieces


def _counting(said: list[Piece], last: Piece) -> list[Piece]:
    """After every piece the usage so far, as engines report it that are asked for continuous statistics."""
    found, tokens, prompt = list[Piece](), 0, (last.usage or ZERO)["prompt_tokens"]
    for piece in said:
        tokens += piece.tokens
        usage = {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}
        found += [piece, Piece(piece.step, piece.choice, usage=usage)]
    return [*found, last]


def _with_duplicate(said: list[Piece], at: int) -> list[Piece]:
    """The text piece number `at` (the last, where there are fewer) twice; it was generated once."""
    texts = [n for n, piece in enumerate(said) if piece.text]
    if not texts:
        return said
    n = texts[min(at, len(texts) - 1)]
    return [*said[: n + 1], said[n]._replace(tokens=0), *said[n + 1 :]]


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
