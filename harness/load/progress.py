"""One stream in figures while it arrives: first token, gaps, usage, end. Pure: it is told every arrival time."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import msgspec

from harness.sse import Event

DONE = "[DONE]"
_ENDS = (DONE, DONE.encode())
LONGEST_ID = 500  # characters of an id that tables have room for
MOST_TOKENS = 10**12  # of one request; a server that tells more tells nothing


class Choice(msgspec.Struct, gc=False):
    delta: Any = None


class Delta(msgspec.Struct, gc=False):
    """The members of a chunk that the figures need; everything else is left to the rules."""

    choices: list[Choice] = []
    usage: dict[str, Any] | None = None
    error: Any = None
    id: Any = None


_decoder = msgspec.json.Decoder(Delta)
_decode, _decode_lines = _decoder.decode, _decoder.decode_lines


class Progress:
    """Takes events in order. Times in nanoseconds since the request started."""

    __slots__ = (
        *("answer_id", "coalesced", "done", "failed", "first_ns", "gaps_ns", "outputs", "tokens"),
        "_last_ns",
    )

    def __init__(self) -> None:
        self.first_ns: int | None = None  # arrival of the first event that carries output
        self.gaps_ns: array[int] = array("q")  # between events that carry output
        self.outputs = 0
        self.coalesced = 0  # arrived with the same read as the output before: their gap is not known, only that it is 0
        self.tokens: tuple[int, int] | None = None  # prompt and completion tokens of the usage
        self.done = False
        self.failed = False  # an error frame came
        self.answer_id = ""
        self._last_ns = 0

    def take(self, event: Event) -> None:
        """One event of the stream; one without data says nothing."""
        if event.data is not None:
            self.take_value(event.data, event.at_ns)

    def take_value(self, data: str | bytes, at_ns: int) -> bool:
        """The data of one event; False when it cannot be read. Plain loops: what is spent here delays all streams."""
        if data in _ENDS:
            self.done = True
            return True
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError):
            return False  # a broken event is a finding of the rules, and no token
        self._note(chunk, at_ns)
        return True

    def take_values(self, values: Sequence[bytes], times: Sequence[int]) -> bool:
        """The data of events that follow each other; False, and nothing is taken, when one of them cannot be read."""
        done = values[-1] in _ENDS
        try:
            chunks = _decode_lines(b"\n".join(values[:-1] if done else values))
        except (msgspec.DecodeError, RecursionError):
            return False
        if len(chunks) + done != len(values):
            return False  # an empty one
        for chunk, at_ns in zip(chunks, times, strict=False):
            self._note(chunk, at_ns)
        self.done = self.done or done
        return True

    def _note(self, chunk: Delta, at_ns: int) -> None:
        if chunk.error:
            self.failed = True
        if chunk.usage is not None:
            self.tokens = _tokens(chunk.usage) or self.tokens
        if not self.answer_id and isinstance(chunk.id, str):
            self.answer_id = chunk.id[:LONGEST_ID]
        for choice in chunk.choices:
            delta = choice.delta
            if type(delta) is dict and _speaks(delta):
                self._output(at_ns)
                break

    def take_whole(self, body: bytes) -> None:
        """An answer that is not a stream: done when it can be read and holds a choice."""
        try:
            document = _decode(body)
        except (msgspec.DecodeError, RecursionError):
            return
        self.tokens, self.failed, self.done = _tokens(document.usage), bool(document.error), bool(document.choices)
        self.answer_id = document.id[:LONGEST_ID] if isinstance(document.id, str) else ""

    def _output(self, at_ns: int) -> None:
        self.outputs += 1
        if self.first_ns is None:
            self.first_ns = at_ns
        else:
            self.gaps_ns.append(at_ns - self._last_ns)
            self.coalesced += at_ns == self._last_ns
        self._last_ns = at_ns


def _speaks(delta: dict[str, Any]) -> bool:
    """Whether a delta carries output of the model: text, reasoning, a part of a tool call."""
    for name, value in delta.items():  # noqa: SIM110 - a generator would cost as much as the rest
        if value and name != "role" and isinstance(value, (str, list)):
            return True
    return False


def _tokens(usage: dict[str, Any] | None) -> tuple[int, int] | None:
    found = [(usage or {}).get(name) for name in ("prompt_tokens", "completion_tokens")]
    counts = [count for count in found if type(count) is int and 0 <= count <= MOST_TOKENS]
    return (counts[0], counts[1]) if len(counts) == 2 else None
