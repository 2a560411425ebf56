"""HTTP/1.1 spoken byte by byte over a socket of our own: what no client library would send, within the run's budget."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import h11

from harness.ask import Ask
from harness.control import Key
from harness.credentials import Credential, credential
from harness.exchange import Chunk, Exchange, Fault, Headers, Request
from harness.model import NotObserved
from harness.recording import examined
from harness.wire import tls

PATIENCE_S = 10.0  # for an answer to begin and to end
QUIET_S = 0.15  # after an answer, for another one that nobody asked for


@dataclass(frozen=True)
class Pause:
    """Seconds in which nothing is sent."""

    seconds: float


@dataclass(frozen=True)
class Mark:
    """Is set once everything before it has been sent."""

    reached: threading.Event


@dataclass(frozen=True)
class Gate:
    """Nothing is sent before it is opened; after so many seconds it is given up, and told so before going on."""

    seconds: float
    opened: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        """Returns once it is opened, or after `seconds`."""
        if not self.opened.wait(self.seconds):
            self.given_up.set()


Piece = bytes | Pause | Mark | Gate


@dataclass(frozen=True)
class Spoken:
    """What a connection gave back: its answers in order, and how it ended."""

    answers: tuple[Exchange, ...]
    closed: bool  # by the server
    late: bool  # it said nothing whole in time

    @property
    def status(self) -> int | None:
        """Of the first answer; None where there was none, or no head of one."""
        return self.answers[0].head_status if self.answers else None


@dataclass
class _Reader:
    """Reads the answers of one connection with h11, which is strict about them."""

    found: list[tuple[int, Headers, bytes]] = field(default_factory=list)
    closed: bool = False
    wrong: str | None = None

    def __post_init__(self) -> None:
        self._h11 = self._fresh()
        self._head: tuple[int, Headers] | None = None
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        self.closed = self.closed or not data
        try:
            self._h11.receive_data(data)
            self._read()
        except h11.RemoteProtocolError as error:
            self.wrong = str(error)

    def _read(self) -> None:
        while True:
            event = self._h11.next_event()
            if isinstance(event, h11.Response):
                pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
                self._head = event.status_code, tuple(pairs)
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None
                self.found.append((*self._head, bytes(self._body)))
                rest = self._h11.trailing_data[0]
                self._h11, self._head, self._body = self._fresh(), None, bytearray()
                if rest:
                    self._h11.receive_data(rest)
            elif not isinstance(event, h11.InformationalResponse):
                return

    @staticmethod
    def _fresh() -> h11.Connection:
        """A reader of one answer: h11 wants to have asked for it."""
        made = h11.Connection(h11.CLIENT)
        made.send(h11.Request(method="POST", target="/", headers=[("Host", "any"), ("Content-Length", "0")]))
        made.send(h11.EndOfMessage())
        return made


class Speaker:
    """Says bytes to the target and records what comes back. Raises BudgetExceeded before anything is said."""

    def __init__(self, ask: Ask, key: Credential) -> None:
        self.ask, self.key = ask, key
        parts = urlsplit(ask.target.base_url)
        self._tls = tls(ask.target)
        self._at = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self.host, self.base = parts.netloc, parts.path

    def headers(self, body: bytes | None = None, *, length: bool = True, close: bool = True) -> list[tuple[str, str]]:
        """What an ordinary request has; the key is the speaker's."""
        value = self._value()
        found = [("Host", self.host), ("Accept", "*/*"), *self.ask.target.headers.items()]
        if value is not None:
            found.append((self.ask.contract.trait("auth.header"), credential(self.ask.contract, value)))
        if body is not None:
            found.append(("Content-Type", "application/json"))
            if length:
                found.append(("Content-Length", str(len(body))))
        return [*found, ("Connection", "close")] if close else found

    def _value(self) -> str | None:
        if isinstance(self.key, Key):
            return self.key.value.reveal()
        if self.key == "main" and "main" not in self.ask.target.keys:
            raise NotObserved("there is no key to ask with")
        return None if self.key is None else self.ask.target.keys[self.key].reveal()

    def say(
        self,
        pieces: Sequence[Piece],
        *,
        paid: bytes = b"",
        answers: int = 1,
        listen_on: bool = False,
        hang_up: bool = False,
        leave: bool = False,
    ) -> Spoken:
        """Send the pieces, each in a write of its own, and read so many answers.

        `paid` is a body that may cost money, so that it is budgeted; `listen_on` waits a little for more answers than
        were asked for; `hang_up` closes our side after the last piece; `leave` closes the connection unread.
        """
        self.ask.client.refuse_when_down()
        budget = self.ask.client.budget
        reservation = budget.reserve(paid, max(answers, 1))
        started, begun = self.ask.target.now().isoformat(timespec="milliseconds"), time.monotonic_ns()
        reader, late = self._talk(pieces, answers, listen_on=listen_on, hang_up=hang_up, leave=leave)
        end_ns = time.monotonic_ns() - begun
        sent = b"".join(piece for piece in pieces if isinstance(piece, bytes))
        request = _request(sent, self.ask.target.host_url)
        told: list[tuple[int | None, Headers, bytes]] = [*reader.found] or [(None, (), b"")]
        kept = []
        for status, headers, body in told:
            fault = (
                None if status is not None else Fault("timeout" if late else "protocol", reader.wrong or "no answer")
            )
            made = Exchange(
                id=self.ask.client.journal.next_id(),
                probe=self.ask.probe,
                request=request,
                head_status=status,
                headers=headers,
                chunks=(Chunk(end_ns, body),) if body else (),
                fault=fault,
                started=started.replace("+00:00", "Z"),
                head_ns=end_ns,
                end_ns=end_ns,
                intent={"role": "raw", "raw": True, "answers": len(reader.found), "closed": reader.closed},
            )
            kept.append(self.ask.client.journal.append(examined(made, self.ask.target.limits)))
        if leave and paid:
            budget.settle_many(reservation, 1, 0, 0, unknown=1)  # what it cost is nowhere to be read
        else:
            budget.settle(reservation, kept[0])
        return Spoken(tuple(kept) if reader.found else (), reader.closed, late)

    def _talk(
        self, pieces: Sequence[Piece], answers: int, *, listen_on: bool, hang_up: bool, leave: bool
    ) -> tuple[_Reader, bool]:
        reader = _Reader()
        try:
            with self._connected() as line:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    _send(line, pieces)
                    if leave:
                        return reader, False
                    if hang_up:
                        line.shutdown(socket.SHUT_WR)
                return reader, _listen(line, reader, answers, listen_on)
        except OSError as error:
            reader.wrong = str(error) or type(error).__name__
            return reader, False

    @contextlib.contextmanager
    def _connected(self) -> Any:
        with socket.create_connection(self._at, self.ask.target.timeouts.connect_s) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                yield plain
            else:
                with self._tls.wrap_socket(plain, server_hostname=self._at[0]) as line:
                    yield line


def _send(line: Any, pieces: Iterable[Piece]) -> None:
    for piece in pieces:
        if isinstance(piece, Pause):
            time.sleep(piece.seconds)
        elif isinstance(piece, Mark):
            piece.reached.set()
        elif isinstance(piece, Gate):
            piece.wait()
        else:
            line.sendall(piece)


def _listen(line: Any, reader: _Reader, answers: int, listen_on: bool) -> bool:
    """Read until the answers are there or the line is closed; whether that was not so in time."""
    end = time.monotonic() + PATIENCE_S
    while not reader.closed and reader.wrong is None:
        enough = len(reader.found) >= answers
        if enough and not listen_on:
            return False
        line.settimeout(QUIET_S if enough else max(end - time.monotonic(), 0.01))
        try:
            reader.feed(line.recv(65536))
        except TimeoutError:
            return not enough
        except ConnectionResetError:
            reader.closed = True
    return False


def spelled(method: str, target: str, headers: Iterable[tuple[str, str]], version: str = "HTTP/1.1") -> bytes:
    """The head of a request, as it is given."""
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _request(sent: bytes, host_url: str) -> Request:
    """What was said as a request of the journal, as far as it can be read as one."""
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    pairs = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    target = words[1] if len(words) > 1 else ""
    return Request(words[0], target if "://" in target else host_url + target, pairs, body)
