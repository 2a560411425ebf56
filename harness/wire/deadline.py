"""Sockets that keep an exchange's time limits on every read and write, however slowly the other side drips."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore

from harness.target import Timeouts

_PIECE = 64 * 1024  # a large body is written in pieces, so that the deadline is looked at between them


class Watch:
    """The clock of one exchange: when it started, which limit runs now, when bytes last arrived."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.start_ns = time.perf_counter_ns()
        self.last_read_ns = 0
        self.in_body = False
        self.connected_anew = False

    def elapsed_ns(self) -> int:
        return time.perf_counter_ns() - self.start_ns

    def allowed_s(self) -> float:
        """How long the next read may take; zero or less when no time is left."""
        elapsed = self.elapsed_ns() / 1e9
        left = self.timeouts.total_s - elapsed
        return min(left, self.timeouts.idle_s if self.in_body else self.timeouts.first_byte_s - elapsed)

    def left_s(self) -> float:
        return self.timeouts.total_s - self.elapsed_ns() / 1e9

    def expiry(self) -> tuple[str, str]:
        """Kind and message of the fault when a read took too long."""
        if self.left_s() <= 0:
            return "timeout", f"the exchange was not over after {self.timeouts.total_s:g} s"
        if self.in_body:
            return "idle", f"no bytes of the body for {self.timeouts.idle_s:g} s"
        return "timeout", f"no complete response head after {self.timeouts.first_byte_s:g} s"


_current = threading.local()


@contextlib.contextmanager
def watching(timeouts: Timeouts) -> Iterator[Watch]:
    """The clock that the sockets of this thread obey; exchanges may nest (a call made while a stream is read)."""
    outer = getattr(_current, "watch", None)
    _current.watch = watch = Watch(timeouts)
    try:
        yield watch
    finally:
        _current.watch = outer


class TimedStream(httpcore.NetworkStream):
    """A connection whose every operation is cut to the time that its thread's exchange has left."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the watch decides
        watch: Watch = _current.watch
        if (allowed := watch.allowed_s()) <= 0:
            raise httpcore.ReadTimeout("deadline")
        data = self._inner.read(max_bytes, allowed)
        watch.last_read_ns = watch.elapsed_ns()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the watch decides
        watch: Watch = _current.watch
        for at in range(0, len(buffer), _PIECE):
            if (left := watch.left_s()) <= 0:
                raise httpcore.WriteTimeout("deadline")
            self._inner.write(buffer[at : at + _PIECE], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return TimedStream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class TimedBackend(httpcore.SyncBackend):
    """Opens connections that obey `watching`."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        watch: Watch = _current.watch
        watch.connected_anew = True
        return TimedStream(super().connect_tcp(host, port, timeout, local_address, socket_options))
