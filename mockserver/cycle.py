"""One request and its answer on uvicorn's connection: a whole answer is one write, and so are frames that are due."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mockserver.chunked import Batch, chunk

if TYPE_CHECKING:
    from mockserver.call import Frame, Headers

_OF_THE_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
_BODILESS = (204, 304)
_names: dict[str, bytes | None] = {}  # header names that were written before; None: uvicorn has to see it


class Cycle(RequestResponseCycle):
    """One request and its answer. What is unusual about an answer is left to `send`, which is uvicorn's."""

    arrived: float | None = None  # seconds of time.monotonic()
    left: Callable[[], None] | None = None  # called when the client goes before its answer is complete

    def whole_body(self) -> bytes | None:
        """What `receive` would give without waiting, if that is all of the body; None where it has to be asked."""
        if self.more_body or self.disconnected or self.response_complete or self.waiting_for_100_continue:
            return None
        self.flow.resume_reading()
        self.message_event.clear()
        whole, self.body = bytes(self.body), bytearray()
        return whole

    async def answer(self, status: int, headers: Headers, body: bytes) -> bool:
        """Head and body in one write; False, and nothing written, for an answer that `send` has to write."""
        length = () if status in _BODILESS else (b"content-length: %d\r\n" % len(body),)
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
        """Each frame a chunk of its own, none held back; False, and nothing written, as with `answer`."""
        head = self._head(status, headers, (b"transfer-encoding: chunked\r\n",))
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
                    self._write(chunk(frame))
            else:
                await frame.play(self._push)
            if self.flow.write_paused:
                await self._drained()
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

    def _head(self, status: int, headers: Headers, framing: tuple[bytes, ...]) -> bytes | None:
        """None for headers that decide about the framing, or that cannot be written as they are."""
        lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % line for line in self.default_headers)]
        for name, value in headers:
            written = _names[name] if name in _names else _written(name)
            if written is None or not (value.isprintable() or not value):
                return None
            lines += (written, value.encode("latin-1", "replace"), b"\r\n")
        lines += framing
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self.waiting_for_100_continue = False
        return b"".join(lines)

    def _complete(self) -> None:
        self.response_complete, self.left = True, None
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _written(name: str) -> bytes | None:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum() and name.lower() not in _OF_THE_FRAMING
    if len(_names) < 1000:
        _names[name] = name.lower().encode() + b": " if plain else None
    return name.lower().encode() + b": " if plain else None
