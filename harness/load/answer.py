"""A response while it arrives, and when every piece of it did. Parses the transport with httptools; no sockets."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import httptools
import msgspec

from harness.exchange import Fault
from harness.load.batch import AROUND, body_of, values_of
from harness.load.progress import Progress
from harness.sse import Event, Parser

_clock = time.perf_counter_ns
MOST_BESIDE = 256 * 1024  # bytes of a head, or of trailers: the parser would keep them without end
_END = b"\r\n\r\n"  # a body in chunks ends with it, whatever trailers it has
_LARGE = 4096
MOST_HELD = 16  # reads: more would be understood at the end, when a whole cohort of streams ends together


class Answer:
    """A response while it arrives; httptools calls the `on_` methods. Times count from the request's start."""

    def __init__(self, max_body_bytes: int, max_events: int, abort_after: int | None = None) -> None:
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self._parts: list[bytes] = []
        self._times = array("q")  # apart: 50,000 pairs a second would keep the collector busy
        self._values: list[range] = []  # of the parts, those that are values of events and not bytes of the body
        self._held: list[bytes] = []  # reads that were not understood yet
        self._held_ns = array("q")
        self.fault: Fault | None = None
        self.connected_ns = self.head_ns = self.end_ns = 0
        self.progress = Progress()
        self.is_stream = self.complete = self.keeps_alive = self.on_kept_connection = False
        self.started_ns = _clock()
        self._parser: Any = httptools.HttpResponseParser(self)
        self._events = Parser()
        self._at_ns = 0
        self._room, self._events_left, self._abort_after = max_body_bytes, max_events, abort_after
        self._has_length = self._between_chunks = self._may_hold = False
        self._beside = 0  # bytes since the last of the body

    def elapsed_ns(self) -> int:
        """Since the request was sent, by the clock of its times."""
        return _clock() - self.started_ns

    @property
    def is_over(self) -> bool:
        """Whether no more of it will come: it is whole, or it broke."""
        return self.complete or self.fault is not None

    @property
    def last_ns(self) -> int:
        """When bytes arrived last, of those that are understood."""
        return self._at_ns

    def feed(self, data: bytes, at_ns: int) -> None:
        """Bytes that were just read, and when they arrived by the clock of `started_ns`.

        What cannot be the end of the response is held and understood with what follows: work that is done while a
        stream goes on delays the reading of all others.
        """
        held = self._held
        if self._may_hold and _END not in data and len(_END) <= len(data) <= _LARGE and len(held) < MOST_HELD:
            held.append(data)
            self._held_ns.append(at_ns)
            return
        self.settle()
        self._at_ns = self._in_order([at_ns])[0]
        self._understand(data)

    def _in_order(self, times: Iterable[int]) -> array[int]:
        """Since the request's start; never before what arrived last, and never to come, whatever a clock was set to."""
        last_ns, now, found = self._at_ns, _clock(), array("q")
        for at_ns in times:
            last_ns = max(last_ns, min(at_ns, now) - self.started_ns)
            found.append(last_ns)
        return found

    def settle(self) -> None:
        """Understand what is held."""
        if not self._held:
            return
        reads, times = self._held, self._in_order(self._held_ns)
        self._held, self._held_ns = [], array("q")
        if not (self._between_chunks and self._took_events(reads, times)):
            for data, self._at_ns in zip(reads, times, strict=True):
                self._understand(data)
                if self.fault is not None:
                    break
        self._at_ns = times[-1]
        self._look_at_limits()

    def _took_events(self, reads: list[bytes], times: array[int]) -> bool:
        """Whether the reads were whole chunks of one plain event each; the parser, which waits for one, needs none."""
        if not self._events.is_between or (found := values_of(reads, times)) is None:
            return False
        values, arrived = found
        if not self.progress.take_values(values, arrived):
            return False
        self._values.append(range(len(self._parts), len(self._parts) + len(values)))
        self._parts += values
        self._times += arrived
        self._events_left -= len(values)
        self._room -= sum(map(len, values)) + AROUND * len(values)
        return True

    def _understand(self, data: bytes) -> None:
        self._beside += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.keeps_alive = False
            if not self.complete:  # what follows a whole response is not ours to read
                self.fault = Fault("protocol", f"not HTTP/1.1: {error}")
        if data[-2:] != b"\r\n":  # the size of a next chunk may have begun
            self._between_chunks = False
        self._look_at_limits()

    def _look_at_limits(self) -> None:
        if self._beside > MOST_BESIDE and not self.complete:
            self.fault = Fault("protocol", f"a head or trailers of more than {MOST_BESIDE} bytes")
        if self._room < 0:
            self.fault = Fault("body-cap", "the body has more bytes than the limit allows")
        if self._events_left < 0:
            self.fault = Fault("event-cap", "the stream has more events than the limit allows")
        if self._abort_after is not None and self.progress.outputs >= self._abort_after and not self.complete:
            self.fault = Fault("aborted", f"we closed the connection after {self.progress.outputs} outputs")

    def finish(self) -> None:
        """Nothing more will come. The parser knows us and we it: apart we are freed at once, and no collector runs."""
        self.settle()
        self._parser = None

    def closed(self) -> None:
        """The server closed the connection: the end of a body without length, or a break."""
        self.settle()
        if self.is_over:
            return
        if self.status is None:
            kept = " (on a kept connection; it was not tried again)" if self.on_kept_connection else ""
            self.fault = Fault("protocol", f"the connection was closed before a response{kept}")
        elif self._has_length:
            self.fault = Fault("truncated", "the connection was closed inside the body")
        else:
            self.complete, self.keeps_alive = True, False

    def on_message_begin(self) -> None:
        if self.complete:
            raise ValueError("bytes follow the response")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self.headers.clear()
            return
        self.status, self.head_ns = status, self._at_ns
        named = {name.lower(): value for name, value in self.headers}
        self.is_stream = named.get("content-type", "").split(";")[0].strip().lower() == "text/event-stream"
        in_chunks = "chunked" in named.get("transfer-encoding", "").lower()
        self._has_length = "content-length" in named or in_chunks
        self._may_hold = self.is_stream and status == 200 and in_chunks and self._abort_after is None

    def on_chunk_header(self) -> None:
        self._between_chunks = False

    def on_chunk_complete(self) -> None:
        self._between_chunks = True

    def on_body(self, data: bytes) -> None:
        self._room -= len(data)
        self._beside = 0
        self._times.append(self._at_ns)
        self._parts.append(data)
        if not self.is_stream or self.status != 200:
            return
        value = self._events.alone(data)
        if value is not None and self.progress.take_value(value, self._at_ns):
            self._events_left -= 1
            return
        for event in self._events.feed(data, self._at_ns):
            self._events_left -= 1
            self.progress.take(event)

    def on_message_complete(self) -> None:
        self._between_chunks = False
        if self.status is not None:
            self.complete, self.keeps_alive = True, self._parser.should_keep_alive()
            if not self.is_stream and self.status == 200:
                self.progress.take_whole(self.body)

    @property
    def body(self) -> bytes:
        """All bytes of the body so far, without its transfer coding."""
        self._spell_out()
        return b"".join(self._parts)

    def _spell_out(self) -> None:
        """Most answers are never looked at again: what was around their values is put back for those that are."""
        for each in self._values:
            for at in each:
                self._parts[at] = body_of(self._parts[at])
        self._values.clear()

    @property
    def pieces(self) -> list[tuple[int, bytes]]:
        """The body by when it arrived; what came with one read is one piece."""
        self._spell_out()
        return [
            (at_ns, b"".join(data for _, data in parts))
            for at_ns, parts in groupby(zip(self._times, self._parts, strict=True), key=itemgetter(0))
        ]

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for found, value in self.headers if found.lower() == name), "")

    def said(self) -> str:
        """The text of the answer, of its first choice."""
        documents = [_json(event.data) for event in self._all_events()] if self.is_stream else [_json(self.body)]
        return "".join(text for document in documents for text in _texts(document))

    def _all_events(self) -> list[Event]:
        parser = Parser()
        return [*parser.feed(self.body, 0), *parser.close()]


def _json(data: str | bytes | None) -> Any:
    try:
        return msgspec.json.decode(data or b"null")
    except (msgspec.DecodeError, RecursionError):
        return None


def _texts(document: Any) -> Iterator[str]:
    choices = document.get("choices") if isinstance(document, dict) else None
    for choice in choices if isinstance(choices, list) else []:
        said = (choice.get("delta") or choice.get("message")) if isinstance(choice, dict) else None
        if isinstance(said, dict) and choice.get("index", 0) == 0 and isinstance(said.get("content"), str):
            yield said["content"]
