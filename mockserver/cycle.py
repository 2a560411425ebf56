"""One request and its answer on uvicorn's connection: a whole answer is one write, and so are frames that are due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mockserver.chunked import Batch, chunk

if TYPE_CHECKING:
    from mockserver.call import Frame, Headers
    from mockserver.protocol import Protocol

_OF_THE_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
_BODILESS = (204, 304)
_names: dict[str, str | None] = {}  # header names that were written before; None: uvicorn has to see it


class Cycle(RequestResponseCycle):
    """One request and its answer. What is unusual about an answer is left to `send`, which is uvicorn's."""

    arrived: float | None = None  # seconds of time.monotonic()
    left: Callable[[], None] | None = None  # called when the client goes before its answer is complete
    logger = logging.getLogger("uvicorn.error")
    access_log = disconnected = response_started = response_complete = False
    more_body, chunked_encoding, expected_content_length = True, None, 0
    body: bytes | bytearray = b""  # type: ignore[assignment]
    _event: asyncio.Event | None = None
    _is_taken = False
    takes_many = False  # frames of a stream at once, as chunks; known when the first is asked for

    def __init__(self, protocol: Protocol, scope: dict[str, Any], keep_alive: bool) -> None:
        """What is the same for every request at its start stands at the class."""
        self.scope = scope  # type: ignore[assignment]
        self.transport, self.flow = protocol.transport, protocol.flow
        self.default_headers = protocol.server_state.default_headers
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.keep_alive = keep_alive
        self.on_response = protocol.on_response_complete

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """That there is something to receive. Made for those who wait: most bodies are there at once."""
        if self._event is None:
            self._event = asyncio.Event()
            if not self._is_taken and (self.body or not self.more_body):
                self._event.set()
        return self._event

    def wake(self) -> None:
        """Something has come."""
        if self._event is not None:
            self._event.set()

    def whole_body(self) -> bytes | None:
        """What `receive` would give without waiting, if that is all of the body; None where it has to be asked."""
        if self.more_body or self.disconnected or self.response_complete or self.waiting_for_100_continue:
            return None
        if self._event is not None:
            self._event.clear()
        self.flow.resume_reading()
        self._is_taken, whole, self.body = True, bytes(self.body), b""
        return whole

    async def answer(self, status: int, headers: Headers, body: bytes) -> bool:
        """Head and body in one write; False, and nothing written, for an answer that `send` has to write."""
        length = b"" if status in _BODILESS else b"content-length: %d\r\n" % len(body)
        head = self._head(status, headers, length)
        if head is None:
            return False
        if self.flow.write_paused:
            await self._drained()
        if not self.disconnected:
            self.response_started = True
            self.transport.write(head if self.scope["method"] == "HEAD" else head + body)
            self._complete()
        return True

    async def stream(self, status: int, headers: Headers, frames: AsyncIterator[Frame]) -> bool:
        """Each frame a chunk of its own, none held back; False, and nothing written, as with `answer`.

        RFC 9112 section 6.1: who speaks HTTP/1.0 gets no chunks; there the connection's end is that of the stream.
        """
        in_chunks = self.scope["http_version"] != "1.0"
        head = self._head(status, headers, b"transfer-encoding: chunked\r\n" if in_chunks else b"")
        self.takes_many = in_chunks and head is not None
        if head is None or self.scope["method"] == "HEAD":
            return False
        await self._drained()
        self.response_started = True
        self._write(head)
        async for frame in frames:
            if isinstance(frame, Batch):
                self._write(frame.chunks())
            elif isinstance(frame, bytes):
                if frame:
                    self._write(chunk(frame) if in_chunks else frame)
            else:
                await frame.play(self._push)
            if self.flow.write_paused:
                await self._drained()
        if in_chunks:
            self._write(b"0\r\n\r\n")
        if not self.disconnected:
            self._complete()
        return True

    def _push(self, chunks: bytes) -> bool:
        self._write(chunks)
        return not (self.disconnected or self.flow.write_paused)

    def _write(self, data: bytes) -> None:
        if not self.disconnected:
            self.transport.write(data)

    async def _drained(self) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()

    def _head(self, status: int, headers: Headers, framing: bytes) -> bytes | None:
        """None for headers that decide about the framing, or that cannot be written as they are."""
        lines = ""
        for name, value in headers:
            written = _names[name] if name in _names else _written(name)
            if written is None or not value.isprintable():
                return None
            lines += f"{written}{value}\r\n"
        self.waiting_for_100_continue = False
        return b"%b%b%b%b%b\r\n" % (
            STATUS_LINE[status],
            b"".join([b"%b: %b\r\n" % line for line in self.default_headers]),
            lines.encode("latin-1", "replace"),
            framing,
            b"" if self.keep_alive else b"connection: close\r\n",
        )

    def _complete(self) -> None:
        self.response_complete, self.left = True, None
        self.wake()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _written(name: str) -> str | None:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum() and name.lower() not in _OF_THE_FRAMING
    if len(_names) < 1000:
        _names[name] = f"{name.lower()}: " if plain else None
    return f"{name.lower()}: " if plain else None
