"""Server-sent events, parsed as they arrive (WHATWG HTML 9.2). Keeps raw bytes; never repairs what is broken."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """One event block as it came off the wire; `at_ns` is when its last byte arrived, from the request's start."""

    raw: bytes  # the block without its blank line
    at_ns: int
    data: str | None = None  # joined `data` lines, None when the block has none
    name: str | None = None
    id: str | None = None
    comments: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()  # what breaks the format: unknown fields, bytes that are not UTF-8, no blank line


@dataclass
class Parser:
    """Feed bytes with their arrival time; completed events come back. Holds at most one unfinished block."""

    _pending: bytearray = field(default_factory=bytearray)
    _lines: list[bytes] = field(default_factory=list)
    _last_ns: int = 0
    _started: bool = False
    _searched: int = 0  # bytes at the head of _pending that hold no line end: a line without end is not read twice

    @property
    def unfinished(self) -> int:
        """Lines of the block that is not complete yet."""
        return len(self._lines)

    @property
    def is_between(self) -> bool:
        """Whether events were read and nothing of a next one has begun."""
        return self._started and not self._pending and not self._lines

    def feed(self, data: bytes, at_ns: int) -> list[Event]:
        """Events that `data` completed, in order."""
        self._pending += data
        self._last_ns = at_ns
        if not self._started and self._pending[:3] == b"\xef\xbb\xbf"[: len(self._pending)]:
            if len(self._pending) < 3:
                return []
            del self._pending[:3]  # one leading byte order mark is allowed
        self._started = True
        return [event for event in self._complete(final=False) if event is not None]

    def alone(self, data: bytes) -> bytes | None:
        """The value where `data` is one whole event of one `data: ` line and nothing is unfinished, otherwise None.

        Takes nothing in. Nearly every read of a stream is of this form, and this is a tenth of the work of `feed`.
        """
        if not self.is_between:
            return None
        if not (data.startswith(b"data: ") and data.endswith(b"\n\n")):
            return None
        value = data[6:-2]
        return None if b"\n" in value or b"\r" in value else value

    def close(self) -> list[Event]:
        """The block that was cut off by the end of the stream, if any, marked with a fault."""
        events = [event for event in self._complete(final=True) if event is not None]
        if self._pending or self._lines:
            block = [*self._lines, *([bytes(self._pending)] if self._pending else [])]
            events.append(parse_block(block, self._last_ns, ("the stream ended inside an event",)))
            self._pending.clear()
            self._lines.clear()
        return events

    def _complete(self, *, final: bool) -> list[Event | None]:
        events: list[Event | None] = []
        start = 0
        searched = len(self._pending)
        for match in _LINE_END.finditer(self._pending, self._searched):
            # A lone CR at the end of what has arrived may be the first half of CRLF: wait for the next byte.
            if match.end() == len(self._pending) and match.group() == b"\r" and not final:
                searched = match.start()
                break
            line = bytes(self._pending[start : match.start()])
            start = match.end()
            if line:
                self._lines.append(line)
            elif self._lines:
                events.append(parse_block(self._lines, self._last_ns))
                self._lines.clear()
        del self._pending[:start]
        self._searched = searched - start
        return events


def parse_block(lines: list[bytes], at_ns: int, faults: tuple[str, ...] = ()) -> Event:
    """One event from its lines (without line ends)."""
    data: list[str] = []
    comments: list[str] = []
    found = list(faults)
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = _text(line, found).partition(":")
        value = value.removeprefix(" ")
        if name == "":
            comments.append(value)
        elif name == "data":
            data.append(value)
        elif name in {"event", "id", "retry"}:
            fields[name] = value
        else:
            found.append(f"unknown field {name[:40]!r}")
    return Event(
        raw=b"\n".join(lines),
        at_ns=at_ns,
        data="\n".join(data) if data else None,
        name=fields.get("event"),
        id=fields.get("id"),
        comments=tuple(comments),
        faults=tuple(found),
    )


def _text(line: bytes, faults: list[str]) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        faults.append(f"bytes that are not UTF-8 at offset {error.start}")
        return line.decode(errors="replace")
