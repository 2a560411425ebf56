"""Frames of a stream as chunks of HTTP: one by one, or many at once that differ in their text alone."""

from __future__ import annotations

from collections.abc import Iterable


def chunk(frame: bytes) -> bytes:
    """A chunk of its own."""
    return b"%x\r\n%b\r\n" % (len(frame), frame)


class Block:
    """Frames that are the same but for the text in each, and for what stands before it, which a stream has of its own.

    What stands between two of those is put together once. 50 chunks are then one `join` of 1 us; each for itself they
    took 20.
    """

    __slots__ = ("_after", "_ends", "_joints", "_sizes", "_texts", "form")

    def __init__(self, size: int, after: bytes, texts: list[bytes]) -> None:
        """`size` in bytes is that of what stands before each text."""
        self.form = size, after
        self._texts, self._after = texts, after
        self._sizes = [b"%x\r\n" % (size + len(text) + len(after)) for text in texts]
        self._ends = [text + after + b"\r\n" for text in texts]
        self._joints = [end + following for end, following in zip(self._ends, self._sizes[1:], strict=False)]

    def said(self, before: bytes, start: int, stop: int) -> bytes:
        """Those from `start` to `stop`, as whoever reads the stream sees them."""
        if start == stop:
            return b""
        after = self._after
        return b"%b%b%b" % (before, (after + before).join(self._texts[start:stop]), after)

    def chunks(self, before: bytes, start: int, stop: int) -> bytes:
        """The same, each a chunk of its own; there is at least one."""
        last = stop - 1
        if start == last:
            return self._sizes[start] + before + self._ends[start]
        return before.join((self._sizes[start], *self._joints[start:last], self._ends[last]))


class Batch:
    """Frames that are due together, which leave in one write."""

    __slots__ = ("_chunks", "_said", "last")

    def __init__(self) -> None:
        self._said: list[bytes] = []
        self._chunks: list[bytes] = []
        self.last = b""

    def __bool__(self) -> bool:
        return bool(self._said)

    def add(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            if frame:  # an empty chunk would be the end
                self._said.append(frame)
                self._chunks.append(b"%x\r\n%b\r\n" % (len(frame), frame))
                self.last = frame

    def add_block(self, block: Block, before: bytes, start: int, stop: int) -> None:
        self._said.append(block.said(before, start, stop))
        self._chunks.append(block.chunks(before, start, stop))

    def said(self) -> bytes:
        return b"".join(self._said)

    def chunks(self) -> bytes:
        return b"".join(self._chunks)
