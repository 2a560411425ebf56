"""The gateway's client of a provider over HTTP: the same pieces and the same failures as from the one inside.

What the provider sends is hostile until read: events and answers are capped, silence ends, a stream without an end
is a provider that went away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx

from mockserver.upstream.faults import Fault, Script
from mockserver.upstream.log import KEPT_CALLS, CallRecord
from mockserver.upstream.pieces import Aborted, Piece, Push, UpstreamFailure
from mockserver.wire import decode, encode

if TYPE_CHECKING:
    from mockserver.clock import Clock

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


@dataclass(slots=True)
class RemoteUpstream:
    """Starts calls to one provider and remembers them. `idle_s` is how long it may be silent."""

    url: str  # with /v1
    clock: Clock
    key: str | None = None
    idle_s: float = 30.0
    calls: deque[CallRecord] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS))
    script: Script = field(default_factory=Script)  # always empty: its faults are set at the provider
    kinds: frozenset[str] = frozenset()
    started: int = 0
    _clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = field(default_factory=dict)

    def start(
        self,
        body: dict[str, Any],
        request_id: str,
        account: str,
        cap: int,
        since: float | None = None,  # noqa: ARG002
    ) -> RemoteGeneration:
        """Begin one call; `cap` is told to the provider where the client set no bound of its own."""
        self.started += 1
        bounded = any(body.get(name) for name in ("max_tokens", "max_completion_tokens"))
        sent = body if bounded else {**body, "max_tokens": cap}
        record = CallRecord(self.started, request_id, account, body["model"], sent, self.clock.now())
        self.calls.append(record)
        return RemoteGeneration(self, record)

    def since(self, mark: int) -> list[CallRecord]:
        return [record for record in self.calls if record.n > mark]

    def reset(self) -> None:
        """Its own state is a log only, and logs are kept."""

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def rows(self) -> list[dict[str, Any]]:
        """The provider's model list. Raises UpstreamFailure."""
        try:
            answer = await asyncio.wait_for(self._get("/models"), self.idle_s)
            found = json.loads(answer, parse_float=Decimal)["data"]
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise UpstreamFailure(f"{self.url}/models: {error}") from error
        return _dicts(found)

    async def _get(self, path: str) -> bytes:
        async with self.client().stream("GET", self.url + path, headers=self.headers()) as answer:
            if answer.status_code != 200:
                raise UpstreamFailure(f"{self.url}{path}: answered {answer.status_code}")
            return await _bounded(answer)

    def client(self) -> httpx.AsyncClient:
        """One a loop: connections belong to the loop that opened them."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
            timeout = httpx.Timeout(self.idle_s, connect=5.0, pool=None)
            self._clients[loop] = httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False)
        return self._clients[loop]

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


class RemoteGeneration:
    """One answer on its way from the provider. Ends as completed, aborted, failed or dropped, exactly once."""

    __slots__ = ("_closing", "_pieces", "_reading", "_upstream", "_usage", "aborted", "fault", "record")

    def __init__(self, upstream: RemoteUpstream, record: CallRecord) -> None:
        self._upstream = upstream
        self._pieces = self._stream() if record.body.get("stream") else self._whole()
        self._reading: asyncio.Future[Piece | None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._usage: dict[str, int] | None = None
        self.record = record
        self.aborted = False
        self.fault: Fault | None = None  # whatever went wrong there, nobody told us

    async def next(self) -> Piece | None:
        """The next piece; None after the last. Raises Aborted or UpstreamFailure."""
        if self.aborted:
            raise Aborted
        self._reading = asyncio.ensure_future(anext(self._pieces, None))
        try:
            piece = await self._reading
        except asyncio.CancelledError:
            if self.aborted:
                raise Aborted from None
            raise
        except (httpx.HTTPError, UpstreamFailure) as error:
            self._end("dropped" if self.record.chunks else "failed")
            raise UpstreamFailure(str(error)) from error
        if piece is None:
            self._end("completed")
        else:
            self._note(piece)
        return piece

    def due(self) -> Piece | None:
        """Nothing is known to be there before it was read."""
        return None

    def upcoming(self) -> None:
        """Nobody knows what a provider will say."""

    @property
    def over(self) -> bool:
        return False

    def take_due(self) -> int:
        """Nothing is known to be there."""
        return 0

    async def play(self, push: Push) -> None:
        """There is nothing to push."""

    async def rest(self) -> list[Piece]:
        """All pieces, when the last has come."""
        found = []
        while (piece := await self.next()) is not None:
            found.append(piece)
        return found

    def abort(self) -> None:
        """Close the connection: a provider stops working for a client that has left."""
        if self.record.outcome != "running":
            return
        self.aborted = True
        self.record.usage = self._usage
        self._end("aborted")
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
        else:
            self._closing = asyncio.ensure_future(self._pieces.aclose())

    def usage_so_far(self) -> dict[str, int] | None:
        """What the provider said last; None when it has said nothing yet."""
        return self._usage

    def _note(self, piece: Piece) -> None:
        if piece.text or piece.tool:
            self.record.chunks += 1
        if piece.usage is not None:
            self._usage = self.record.usage = piece.usage

    def _end(self, outcome: str) -> None:
        if self.record.outcome == "running":
            self.record.outcome, self.record.ended = outcome, self._upstream.clock.now()

    async def _whole(self) -> AsyncGenerator[Piece]:
        async with self._asked() as answer:
            document = _object(await _bounded(answer))
        usage = _usage(document)
        for choice in _dicts(document.get("choices")):
            message = choice.get("message")
            for piece in _said(choice, message if isinstance(message, dict) else {}):
                yield piece
        if usage is not None:
            yield Piece(0, 0, usage=usage)

    async def _stream(self) -> AsyncGenerator[Piece]:
        async with self._asked() as answer:
            async for data in _events(answer):
                if data == b"[DONE]":
                    return
                chunk = _object(data)
                if chunk.get("error") is not None:
                    raise UpstreamFailure("the provider reports an error inside the stream")
                for choice in _dicts(chunk.get("choices")):
                    delta = choice.get("delta")
                    for piece in _said(choice, delta if isinstance(delta, dict) else {}):
                        yield piece
                if (usage := _usage(chunk)) is not None:
                    yield Piece(0, 0, usage=usage)
        raise UpstreamFailure("the stream ended without [DONE]")

    @contextlib.asynccontextmanager
    async def _asked(self) -> AsyncIterator[httpx.Response]:
        upstream = self._upstream
        headers = {**upstream.headers(), "X-Request-Id": self.record.request_id}
        headers["Content-Type"] = "application/json"
        url = f"{upstream.url}/chat/completions"
        async with upstream.client().stream("POST", url, content=encode(self.record.body), headers=headers) as answer:
            if answer.status_code != 200:
                raise UpstreamFailure(f"the provider answered {answer.status_code}")
            yield answer


def _said(choice: dict[str, Any], said: dict[str, Any]) -> Iterator[Piece]:
    """The pieces of one delta, or of one message, which is a delta that says everything."""
    index = choice.get("index", 0)
    if type(index) is not int or not 0 <= index < 128:
        raise UpstreamFailure("the provider numbers a choice in a way that cannot be read")
    text = said.get("content")
    if isinstance(text, str) and text:
        yield Piece(0, index, text.encode("utf-8", "replace"), logprobs=_logprobs(choice))
    for position, call in enumerate(_dicts(said.get("tool_calls"))):
        yield from _tool(index, position, call)
    if isinstance(finish := choice.get("finish_reason"), str):
        yield Piece(0, index, finish=finish)


def _tool(choice: int, position: int, call: dict[str, Any]) -> Iterator[Piece]:
    """A head where the call has a name, then its arguments."""
    function = call.get("function")
    index, function = call.get("index", position), function if isinstance(function, dict) else {}
    if isinstance(function.get("name"), str):
        yield Piece(0, choice, tool={"index": index, "id": str(call.get("id")), "name": function["name"]})
    if isinstance(arguments := function.get("arguments"), str) and arguments:
        yield Piece(0, choice, tool={"index": index, "arguments": arguments.encode("utf-8", "replace")})


def _logprobs(choice: dict[str, Any]) -> list[dict[str, Any]] | None:
    told = choice.get("logprobs")
    return _dicts(told.get("content")) or None if isinstance(told, dict) else None


def _usage(document: dict[str, Any]) -> dict[str, int] | None:
    """The three counts where all are given; anything else is no usage."""
    told = document.get("usage")
    if not isinstance(told, dict):
        return None
    counts = {name: count for name in COUNTS if type(count := told.get(name)) is int and 0 <= count < 2**53}
    return counts if len(counts) == len(COUNTS) else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = decode(data)
    except (ValueError, RecursionError) as error:
        raise UpstreamFailure("the provider sent something that is not JSON") from error
    if not isinstance(found, dict):
        raise UpstreamFailure("the provider sent JSON that is not an object")
    return found


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise UpstreamFailure(f"the provider sent more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


async def _events(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The data of each event; lines end in LF or CR LF, packets end anywhere."""
    rest, size, data = b"", 0, list[bytes]()
    async for part in answer.aiter_bytes():
        size += len(part)
        rest += part
        if len(rest) > MAX_EVENT_BYTES or size > MAX_ANSWER_BYTES:
            raise UpstreamFailure("the provider's stream is larger than anything it could mean")
        *lines, rest = rest.replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data)
                data = []
