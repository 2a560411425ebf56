"""One HTTP/1.1 connection that reads streams and notes when every piece arrived. Never retries, never follows.

Bytes are read by a callback of the event loop and not by a greenlet: with a thousand streams the switches between
greenlets would be a good part of what a first token seems to take. Needs no patched process.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.event import Event

from harness.load.answer import Answer
from harness.load.place import Place, Seal
from harness.load.scenario import Patience, Scenario
from harness.wire.exchange import Fault, Headers

__all__ = ["Answer", "Connection", "Place"]
_MOST = 64 * 1024  # of one read
_READABLE = 1  # of libev
_BESIDE = 64  # bytes of room for what the kernel says beside them
_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)  # Linux: the kernel's time of arrival beside the bytes
_SOCKET = socket.SOL_SOCKET
_timespec = struct.Struct("@ll").unpack
_clock = time.perf_counter_ns
KEEPALIVE_S = 4.0  # servers drop idle connections after 5 s or more; a stale one would look like a fault of the target


class Connection:
    """A connection, kept between requests as clients do. `headers` of each key that may be sent, in turn."""

    def __init__(self, scenario: Scenario, headers: Headers, place: Place, *others: Headers) -> None:
        self._scenario, self._place = scenario, place
        self._heads = [_head(scenario.url, each) for each in (headers, *others)]
        self._socket: Any = None
        self._is_stamped = False
        self._receive: Any = None  # of the socket below gevent's, which never waits
        self._watcher: Any = None
        self._seal: Seal | None = None
        self._over = Event()
        self._used = 0.0

    def ask(self, body: bytes, key: int = 0, abort_after: int | None = None) -> Answer:
        """One request and as much of its answer as arrives within the limits; never raises for the target."""
        if self._socket is not None and time.monotonic() - self._used > KEEPALIVE_S:
            self.close()
        answer = Answer(self._scenario.max_body_bytes, self._scenario.max_events, abort_after)
        answer.on_kept_connection = self._socket is not None
        try:
            if self._socket is None:
                answer.fault = self._connect()
                answer.connected_ns = answer.elapsed_ns()
            if answer.fault is None:
                self._converse(self._heads[key] % len(body) + body, answer)
        finally:
            answer.finish()
            answer.end_ns = answer.last_ns if answer.complete else answer.elapsed_ns()
            self._used = time.monotonic()
            if not (answer.complete and answer.keeps_alive) or answer.fault is not None:
                self.close()
        return answer

    def close(self) -> None:
        if self._socket is not None:
            if self._watcher is not None:
                self._watcher.stop()
                self._watcher.close()
            self._socket.close()
            self._socket = self._seal = self._watcher = self._receive = None

    def _connect(self) -> Fault | None:
        limit = self._scenario.patience.connect_s
        try:
            self._socket = self._place.connect(limit)
        except TimeoutError:
            return Fault("connect", f"no connection after {limit:g} s")
        except OSError as error:
            return Fault("connect", str(error))
        if self._place.is_secure:
            try:
                self._seal = Seal(self._place)
                self._seal.shake_hands(self._socket)
            except OSError as error:
                return Fault("tls", str(error))
        self._is_stamped = self._scenario.kernel_times and _stamps(self._socket)
        self._receive = self._socket._sock.recvmsg if self._is_stamped else self._socket._sock.recv
        self._watcher = gevent.get_hub().loop.io(self._socket.fileno(), _READABLE)
        return None

    def _converse(self, request: bytes, answer: Answer) -> None:
        patience = self._scenario.patience
        try:
            self._send(request if self._seal is None else self._seal.sealed(request), patience)
        except TimeoutError:
            answer.fault = _expiry(answer, patience)
            return
        except OSError as error:
            answer.fault = Fault("protocol", str(error))
            return
        self._await(answer, patience)

    def _send(self, data: bytes, patience: Patience) -> None:
        """At once where the kernel has room, which it nearly always has; otherwise it waits. Raises OSError."""
        try:
            sent = self._socket._sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._socket.settimeout(patience.first_byte_s)
            self._socket.sendall(data[sent:])

    def _await(self, answer: Answer, patience: Patience) -> None:
        """Until the answer is over or a limit is reached. The greenlet sleeps; the loop calls when bytes arrive."""
        self._over.clear()
        self._watcher.start(self._readable, answer)
        try:
            while not answer.is_over:
                if (left := _allowed_s(answer, patience)) > 0:
                    self._over.wait(left)
                    answer.settle()
                else:
                    answer.fault = _expiry(answer, patience)
        finally:
            self._watcher.stop()

    def _readable(self, answer: Answer) -> None:
        """Called by the loop, where no exception may leave."""
        try:
            self._read(answer)
        except BlockingIOError:
            return
        except OSError as error:
            answer.fault = answer.fault or Fault("protocol" if answer.status is None else "truncated", str(error))
        except Exception as error:
            answer.fault = Fault("protocol", f"{type(error).__name__}: {error}")
        if answer.complete or answer.fault is not None:
            self._watcher.stop()
            self._over.set()

    def _read(self, answer: Answer) -> None:
        if self._is_stamped:
            data, beside, _, _ = self._receive(_MOST, _BESIDE)
            at_ns = _arrival(beside)
        else:
            data, at_ns = self._receive(_MOST), _clock()
        ended = not data
        if self._seal is not None and data:
            data, ended = self._seal.opened(data)
        if data:
            answer.feed(data, at_ns)
        if ended and not answer.is_over:
            answer.closed()


def _stamps(connected: Any) -> bool:
    """Whether the kernel is to say when bytes arrived; where it cannot, our own clock has to do."""
    if sys.platform != "linux":
        return False
    try:
        connected.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def _arrival(beside: list[tuple[int, int, bytes]]) -> int:
    """The kernel's time of arrival on our clock; ours where it told none."""
    now: int = _clock()
    for level, kind, data in beside:
        if kind == _TIMESTAMPNS and level == _SOCKET:
            seconds, nanoseconds = _timespec(data)
            now += seconds * 1_000_000_000 + nanoseconds - time.time_ns()
    return now


def _allowed_s(answer: Answer, patience: Patience) -> float:
    elapsed = answer.elapsed_ns() / 1e9
    silent = elapsed - answer.last_ns / 1e9
    idle = patience.idle_s - silent if answer.status is not None else patience.first_byte_s - elapsed
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
