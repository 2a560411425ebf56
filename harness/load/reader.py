"""One HTTP/1.1 connection that reads streams and notes when every piece arrived. Never retries, never follows.

Works on gevent's own sockets, so that it needs no patched process; httptools parses the transport.
"""

from __future__ import annotations

import functools
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import certifi
import gevent.socket
import gevent.ssl
import httptools
from gevent.lock import BoundedSemaphore

from harness.exchange import Fault, Headers
from harness.load.progress import Progress
from harness.load.scenario import Patience, Scenario
from harness.sse import Parser

_READ = 64 * 1024
_clock = time.perf_counter_ns


class Answer:
    """A response while it arrives; httptools calls the `on_` methods. Times count from the request's start."""

    def __init__(self, max_body_bytes: int, max_events: int) -> None:
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self.pieces: list[tuple[int, bytes]] = []
        self.fault: Fault | None = None
        self.connected_ns = self.head_ns = self.end_ns = 0
        self.progress = Progress()
        self.is_stream = self.complete = self.keeps_alive = self.on_kept_connection = False
        self.started_ns = _clock()
        self._parser = httptools.HttpResponseParser(self)
        self._events = Parser()
        self._at_ns = 0
        self._room, self._events_left = max_body_bytes, max_events
        self._has_length = False

    def elapsed_ns(self) -> int:
        return _clock() - self.started_ns

    def feed(self, data: bytes) -> None:
        """Bytes that were just read."""
        self._at_ns = self.elapsed_ns()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.keeps_alive = False
            if not self.complete:  # what follows a whole response is not ours to read
                self.fault = Fault("protocol", f"not HTTP/1.1: {error}")
        if self._room < 0:
            self.fault = Fault("body-cap", "the body has more bytes than the limit allows")
        if self._events_left < 0:
            self.fault = Fault("event-cap", "the stream has more events than the limit allows")

    def closed(self) -> None:
        """The server closed the connection: the end of a body without length, or a break."""
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
        self._has_length = "content-length" in named or "chunked" in named.get("transfer-encoding", "").lower()

    def on_body(self, data: bytes) -> None:
        self._room -= len(data)
        if self.pieces and self.pieces[-1][0] == self._at_ns:
            self.pieces[-1] = (self._at_ns, self.pieces[-1][1] + data)
        else:
            self.pieces.append((self._at_ns, data))
        if self.is_stream and self.status == 200:
            for event in self._events.feed(data, self._at_ns):
                self._events_left -= 1
                self.progress.take(event)

    def on_message_complete(self) -> None:
        if self.status is not None:
            self.complete, self.keeps_alive = True, self._parser.should_keep_alive()


class Place:
    """Where the target is: looked up once, because a hundred look-ups at once queue in gevent's thread pool."""

    def __init__(self, scenario: Scenario) -> None:
        parts = urlsplit(scenario.url)
        self.host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._ca_bundle = scenario.ca_bundle
        self.is_secure = parts.scheme == "https"
        self._lock = BoundedSemaphore()

    def connect(self, limit_s: float) -> Any:
        """A connected socket. Raises OSError, TimeoutError among them."""
        error: OSError = OSError(f"{self.host} has no address")
        for family, address in self._looked_up():
            made = gevent.socket.socket(family, gevent.socket.SOCK_STREAM)
            made.settimeout(limit_s)
            try:
                made.connect(address)
            except OSError as failed:
                made.close()
                error = failed
            else:
                made.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
                return made
        raise error

    def secured(self, connected: Any) -> Any:
        """The socket with TLS around it. Raises OSError."""
        return self._context.wrap_socket(connected, server_hostname=self.host)

    def _looked_up(self) -> list[tuple[int, Any]]:
        with self._lock:  # one greenlet asks, the others wait for its answer
            return self._addresses

    @functools.cached_property
    def _addresses(self) -> list[tuple[int, Any]]:
        found = gevent.socket.getaddrinfo(self.host, self._port, type=gevent.socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        made: ssl.SSLContext = gevent.ssl.create_default_context(cafile=self._ca_bundle or certifi.where())
        return made


class Connection:
    """The connection of one user, kept between its requests as clients do."""

    def __init__(self, scenario: Scenario, headers: Headers, place: Place) -> None:
        self._scenario, self._place = scenario, place
        self._head = _head(scenario.url, headers)
        self._socket: Any = None

    def ask(self, body: bytes) -> Answer:
        """One request and as much of its answer as arrives within the limits; never raises for the target."""
        answer = Answer(self._scenario.max_body_bytes, self._scenario.max_events)
        answer.on_kept_connection = self._socket is not None
        try:
            if self._socket is None:
                answer.fault = self._connect()
                answer.connected_ns = answer.elapsed_ns()
            if answer.fault is None:
                self._converse(self._head % len(body) + body, answer)
        finally:
            answer.end_ns = answer.elapsed_ns()
            if not (answer.complete and answer.keeps_alive) or answer.fault is not None:
                self.close()
        return answer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> Fault | None:
        limit = self._scenario.patience.connect_s
        try:
            self._socket = self._place.connect(limit)
        except TimeoutError:
            return Fault("connect", f"no connection after {limit:g} s")
        except OSError as error:
            return Fault("connect", str(error))
        try:
            self._socket = self._place.secured(self._socket) if self._place.is_secure else self._socket
        except OSError as error:
            return Fault("tls", str(error))
        return None

    def _converse(self, request: bytes, answer: Answer) -> None:
        patience = self._scenario.patience
        try:
            self._socket.settimeout(patience.first_byte_s)
            self._socket.sendall(request)
            while not answer.complete and answer.fault is None:
                self._socket.settimeout(max(_allowed_s(answer, patience), 0.001))
                if data := self._socket.recv(_READ):
                    answer.feed(data)
                else:
                    answer.closed()
        except TimeoutError:
            answer.fault = _expiry(answer, patience)
        except OSError as error:
            answer.fault = Fault("protocol" if answer.status is None else "truncated", str(error))


def _allowed_s(answer: Answer, patience: Patience) -> float:
    elapsed = answer.elapsed_ns() / 1e9
    idle = patience.idle_s if answer.status is not None else patience.first_byte_s - elapsed
    return min(patience.total_s - elapsed, idle)


def _expiry(answer: Answer, patience: Patience) -> Fault:
    if answer.elapsed_ns() / 1e9 >= patience.total_s:
        return Fault("timeout", f"the exchange was not over after {patience.total_s:g} s")
    if answer.status is None:
        return Fault("timeout", f"no complete response head after {patience.first_byte_s:g} s")
    return Fault("idle", f"no bytes of the body for {patience.idle_s:g} s")


def _head(url: str, headers: Headers) -> bytes:
    """The request head with one blank: the length of the body."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).replace("%", "%%").encode("latin-1") + b"\r\nContent-Length: %d\r\n\r\n"
