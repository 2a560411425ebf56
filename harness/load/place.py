"""Where the target is, and connections to it: plain, or under TLS that works in memory. Runs in greenlets."""

from __future__ import annotations

import functools
import ssl
from typing import Any
from urllib.parse import urlsplit

import certifi
import gevent.socket
from gevent.lock import BoundedSemaphore

from harness.load.scenario import Scenario

_RECORD = 16 * 1024  # a TLS record holds no more


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

    def _looked_up(self) -> list[tuple[int, Any]]:
        with self._lock:  # one greenlet asks, the others wait for its answer
            return self._addresses

    @functools.cached_property
    def _addresses(self) -> list[tuple[int, Any]]:
        found = gevent.socket.getaddrinfo(self.host, self._port, type=gevent.socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]

    @functools.cached_property
    def context(self) -> ssl.SSLContext:
        """Trust for the target: its own bundle, or the usual roots. Raises OSError, ssl.SSLError."""
        return ssl.create_default_context(cafile=self._ca_bundle or certifi.where())


class Seal:
    """TLS of one connection between buffers: what the kernel gave goes in, what was meant comes out.

    A socket of the ssl module would read ahead by itself, and nobody could say when its bytes arrived.
    """

    def __init__(self, place: Place) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = place.context.wrap_bio(self._in, self._out, server_hostname=place.host)

    def shake_hands(self, connected: Any) -> None:
        """Raises OSError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(connected)
                if not (data := connected.recv(_RECORD)):
                    raise OSError("the connection was closed inside the TLS handshake") from None
                self._in.write(data)
            else:
                self._flush(connected)
                return

    def sealed(self, data: bytes) -> bytes:
        """The bytes of a TLS record or more that carry `data`."""
        self._tls.write(data)
        return self._out.read()

    def opened(self, data: bytes) -> tuple[bytes, bool]:
        """What the bytes hold, and whether the other side has said that no more will come. Raises OSError."""
        self._in.write(data)
        parts = list[bytes]()
        try:
            while self._in.pending:  # asked for more than there is, it would raise, which is dear
                if not (part := self._tls.read(_RECORD)):
                    return b"".join(parts), True
                parts.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            return b"".join(parts), True
        return parts[0] if len(parts) == 1 else b"".join(parts), False

    def _flush(self, connected: Any) -> None:
        if data := self._out.read():
            connected.sendall(data)
