"""Servers that do one thing wrong each, on real sockets. A behaviour writes bytes to one connection and returns."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import threading
from collections.abc import Callable, Iterator

Behaviour = Callable[[socket.socket], None]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
JSON, STREAM = b"application/json", b"text/event-stream"


class Server:
    """Accepts connections and lets the behaviour answer each after its request head was read."""

    def __init__(self, behaviour: Behaviour, *, requests: int = 1, reads_body: bool = True) -> None:
        self._behaviour, self._requests, self._reads_body = behaviour, requests, reads_body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.heads: list[bytes] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than the test lasts."""
        self._stop.wait(seconds)

    def close(self) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(2)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            for _ in range(self._requests):
                if not (head := self._head(connection)):
                    return
                self.heads.append(head)
                self._behaviour(connection)

    def _head(self, connection: socket.socket) -> bytes:
        """The request; its body is read too, because closing over unread bytes resets the connection."""
        connection.settimeout(2)
        received, wanted = b"", 0
        while b"\r\n\r\n" not in received or len(received) < wanted:
            if not (data := connection.recv(65536)):
                return b""
            received += data
            head, ended, _ = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            wanted = len(head) + 4 + int(length[1]) if ended and length and self._reads_body else 0
        return received


@contextlib.contextmanager
def serving(behaviour: Behaviour | bytes, *, requests: int = 1, reads_body: bool = True) -> Iterator[Server]:
    """A hostile server while the test runs; bytes are sent as they are."""
    fixed = behaviour
    behave: Behaviour = (lambda c: c.sendall(fixed)) if isinstance(fixed, bytes) else fixed
    server = Server(behave, requests=requests, reads_body=reads_body)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes, kind: bytes = JSON, *extra: bytes) -> bytes:
    """A well-formed response."""
    lines = b"".join(line + b"\r\n" for line in extra)
    return HEAD % kind + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def dripping(data: bytes, every_s: float, *, first: bytes = b"") -> Behaviour:
    """One byte at a time, after `first` was sent at once."""

    def behave(connection: socket.socket) -> None:
        wait = threading.Event()
        connection.sendall(first)
        for byte in data:
            connection.sendall(bytes([byte]))
            wait.wait(every_s)

    return behave


def silent(connection: socket.socket) -> None:
    """Reads the request and never says anything."""
    while connection.recv(65536):
        pass


def stalled(sent: bytes) -> Behaviour:
    """Sends this much and then nothing more, without closing."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(sent)
        silent(connection)

    return behave


def half_closed(connection: socket.socket) -> None:
    """Closes its side before it answered."""
    connection.shutdown(socket.SHUT_WR)
    silent(connection)


def endless(kind: bytes, piece: bytes) -> Behaviour:
    """A body that never ends."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(HEAD % kind + b"Connection: close\r\n\r\n")
        while True:
            connection.sendall(piece)

    return behave


def bomb(size: int) -> bytes:
    """A small gzip body that inflates to `size` bytes."""
    return answer(gzip.compress(bytes(size)), JSON, b"Content-Encoding: gzip")


def deep(levels: int) -> bytes:
    return answer(b"[" * levels + b"]" * levels)
