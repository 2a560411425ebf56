"""One HTTP exchange at a time, exactly as asked, with arrival times. Never retries, never follows, never repairs.

Speaks to httpcore, the engine of httpx: httpx would normalise URLs, add headers and keep cookies.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpcore
import httpx

from harness.redact import MIN_LENGTH, Redactor
from harness.target import Secret, Target, TargetError
from harness.wire.budget import Budget
from harness.wire.deadline import TimedBackend, Watch, watching
from harness.wire.exchange import Chunk, Exchange, Fault, Headers, Request, TargetFault
from harness.wire.journal import Journal
from harness.wire.pointer import pointed
from harness.wire.recording import examined
from harness.wire.sse import Event, Parser

Finder = Callable[[Exchange], Iterable[object]]  # sees an answer as it came, before it is redacted and kept
KEEPALIVE_S = 4.0  # servers drop idle connections after 5 s or more; a stale one would look like a fault of the target
DOWN_AFTER = {"connect": 3, "answer": 6}  # as many failures in a row: connections, or answers at all
_AS_GIVEN = "".join(map(chr, range(0x21, 0x7F)))  # checks send odd paths on purpose


@dataclass(frozen=True)
class Reading:
    """What the reader does while a stream arrives. Only events that carry data are counted; comments are not."""

    abort_after: int | None = None  # close the connection after this many events
    during: Callable[[], None] | None = None  # called once, by the reader
    at_event: int = 1


@dataclass
class _Answer:
    """A response while it arrives."""

    status: int | None = None
    headers: Headers = ()
    pieces: list[tuple[int, bytearray]] = field(default_factory=list)  # one for each read of the socket
    fault: Fault | None = None
    head_ns: int = 0
    events: int = 0
    data_events: int = 0
    certificate: bytes | None = None
    raised: BaseException | None = None  # by `during`; it goes on once the exchange is recorded


class _Stop(Exception):
    """The reader has seen enough."""

    def __init__(self, kind: str, message: str) -> None:
        self.fault = Fault(kind, message)
        super().__init__(message)


class Client:
    """Sends requests to one target within its limits and its budget, and records every exchange. Thread-safe."""

    def __init__(self, target: Target, redactor: Redactor, budget: Budget, journal: Journal) -> None:
        self.target, self.redactor, self.budget, self.journal = target, redactor, budget, journal
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls(target),
            max_connections=None,
            max_keepalive_connections=target.limits.concurrency,
            keepalive_expiry=KEEPALIVE_S,
            network_backend=TimedBackend(),
        )
        self.issued: dict[str, Secret] = {}  # by what stands for them in an exchange
        self._failed: list[Fault] = []  # exchanges in a row that had no answer or found no end in time
        self.closing = contextlib.ExitStack()  # what else is to be closed with this client
        self.closing.callback(self._pool.close)

    def exchange(
        self,
        probe: str,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        content: bytes = b"",
        intent: Mapping[str, Any] | None = None,
        abort_after: int | None = None,
        during: Callable[[], None] | None = None,
        at_event: int = 1,
        secrets: Sequence[str] | Finder = (),
        free: bool = False,
    ) -> Exchange:
        """One request and whatever came back, redacted and recorded; a failure of the target is its `fault`.

        `secrets` are JSON pointers to what the answer gives away once, or a function that finds it; it is known before
        anything is kept.

        `free` says that no answer to it costs money, so that nothing is set aside.

        Raises BudgetExceeded, or TargetFault when the target is down, before anything is sent; ValueError for a
        request that HTTP/1.1 cannot carry; and what `during` raised, after the exchange was recorded.
        """
        self.refuse_when_down()
        meant = {**(intent or {}), **({} if abort_after is None else {"abort_after": abort_after})}
        request = Request(method, url, _with_defaults(url, headers, content), content)
        reservation = self.budget.reserve(content if method == "POST" and not free else b"")
        started = self.target.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with watching(self.target.timeouts) as watch:
            try:
                answer = self._answer(request, watch, Reading(abort_after, during, at_event))
            except ValueError:
                self.budget.release(reservation)
                raise
            end_ns = watch.elapsed_ns()
        found = Exchange(
            id=self.journal.next_id(),
            probe=probe,
            request=request,
            head_status=answer.status,
            headers=answer.headers,
            chunks=tuple(Chunk(at_ns, bytes(data)) for at_ns, data in answer.pieces),
            fault=answer.fault,
            started=started,
            head_ns=answer.head_ns,
            end_ns=end_ns,
            intent=meant,
            certificate=answer.certificate,
        )
        seen = examined(found, self.target.limits)
        self._learn(seen, secrets)
        kept = self.journal.append(seen)
        self.budget.settle(reservation, kept)
        self._note(kept)
        if answer.raised is not None:
            raise answer.raised
        return kept

    def _learn(self, found: Exchange, secrets: Sequence[str] | Finder) -> None:
        """From here on these values are redacted; `issued` gives them to who has the placeholder."""
        if not secrets or not found.complete or found.head_status is None:
            return
        values = secrets(found) if callable(secrets) else [pointed(found.json, pointer) for pointer in secrets]
        for value in values:
            if isinstance(value, str) and len(value) >= MIN_LENGTH and value.isascii() and value.isprintable():
                secret = Secret(f"ISSUED_SECRET_{len(self.issued) + 1}", value)
                self.redactor.add(secret.name, value)
                self.issued[f"${{{secret.name}}}"] = secret

    def refuse_when_down(self) -> None:
        """Raises TargetFault after several failures in a row: the rest of a run need not wait for more of them."""
        for limit, failed, what in (
            (DOWN_AFTER["connect"], [f for f in self._failed if f.kind in {"connect", "tls"}], "connections"),
            (DOWN_AFTER["answer"], self._failed, "requests"),
        ):
            if len(failed) >= limit:
                raise TargetFault(
                    f"{self.target.base_url} is down: {len(failed)} {what} in a row failed ({failed[-1].message}); "
                    "look whether it serves this URL, and run again"
                )

    def _note(self, exchange: Exchange) -> None:
        """Count failures in a row. An answer that is wrong or cut off is an answer: it ends the row."""
        fault = exchange.fault
        lost = fault is not None and fault.kind != "aborted" and (exchange.head_status is None or _late(fault))
        self._failed = [*self._failed, fault] if fault is not None and lost else []

    def close(self) -> None:
        self.closing.close()

    def _answer(self, request: Request, watch: Watch, reading: Reading) -> _Answer:
        answer = _Answer()
        try:
            response = self._pool.handle_request(self._outgoing(request))
            try:
                self._read(response, watch, reading, answer)
            finally:
                _retire(response)
                response.close()
        except _Stop as stop:
            answer.fault = stop.fault
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
            raise ValueError(f"{request.method} {request.url} cannot be sent: {error}") from error
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.RemoteProtocolError, OSError) as error:
            answer.fault = _fault(error, watch, answer)
        return answer

    def _outgoing(self, request: Request) -> httpcore.Request:
        return httpcore.Request(
            request.method,
            _split(request.url),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers],
            content=request.body,
            extensions={"timeout": {"connect": self.target.timeouts.connect_s}},
        )

    def _read(self, response: httpcore.Response, watch: Watch, reading: Reading, answer: _Answer) -> None:
        answer.status, answer.certificate = response.status, _certificate(response)
        answer.headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        answer.head_ns = watch.last_read_ns or watch.elapsed_ns()
        watch.in_body = True
        if reading.abort_after == 0:
            raise _Stop("aborted", "we closed the connection after the response head")
        parser = Parser() if _is_stream(answer.headers) else None
        cap, size, why = self.target.limits.max_body_bytes, 0, ""
        if (room := self.journal.room) < cap:
            cap, why = room, ": all answers of the run together are as large as one run may keep"
        for data in response.iter_stream():
            at_ns = watch.last_read_ns or watch.elapsed_ns()
            if not answer.pieces or answer.pieces[-1][0] != at_ns:
                answer.pieces.append((at_ns, bytearray()))
            answer.pieces[-1][1].extend(data)
            size += len(data)
            if size > cap:
                raise _Stop("body-cap", f"the body has more than {cap} bytes{why}")
            if parser is not None:
                self._count(parser.feed(data, at_ns), reading, answer)
                if parser.unfinished > self.target.limits.max_events:
                    raise _Stop("event-cap", f"an event has more than {self.target.limits.max_events} lines")

    def _count(self, events: Sequence[Event], reading: Reading, answer: _Answer) -> None:
        for event in events:
            answer.events += 1
            if answer.events > self.target.limits.max_events:
                raise _Stop("event-cap", f"the stream has more than {self.target.limits.max_events} events")
            if event.data is None:
                continue
            answer.data_events += 1
            if reading.during is not None and answer.data_events == reading.at_event:
                _call(reading.during, answer)
            if reading.abort_after is not None and answer.data_events >= reading.abort_after:
                raise _Stop("aborted", f"we closed the connection after {answer.data_events} events")


def tls(target: Target) -> ssl.SSLContext | None:
    """Trust for HTTPS: the target's own bundle or the usual roots, whatever the environment says; or TargetError."""
    points = [target.base_url, *(point.url for point in (target.balance, target.evidence, target.control) if point)]
    if not any(url.startswith("https:") for url in points):
        return None
    if target.ca_bundle is not None:
        try:
            return ssl.create_default_context(cafile=str(target.ca_bundle))
        except OSError as error:  # an SSLError is one
            raise TargetError(
                f"ca_bundle: {target.ca_bundle} holds no certificates in PEM: {error.strerror}"
            ) from error
    return httpx.create_ssl_context(trust_env=False)


def _certificate(response: httpcore.Response) -> bytes | None:
    """DER of the leaf that the server showed, None without TLS."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("ssl_object") if stream is not None else None
    return connection.getpeercert(True) if connection is not None else None


def _retire(response: httpcore.Response) -> None:
    """Use no connection again on which the server failed: many close it then without having announced it."""
    if response.status >= 500 and (connection := response.extensions.get("network_stream")) is not None:
        connection.close()


def _late(fault: Fault) -> bool:
    return fault.kind in {"timeout", "idle"}


def _call(during: Callable[[], None], answer: _Answer) -> None:
    try:
        during()
    except BaseException as error:
        answer.raised = error
        raise _Stop("aborted", "we closed the connection because the check failed in mid-stream") from error


def _fault(error: Exception, watch: Watch, answer: _Answer) -> Fault:
    if isinstance(error, httpcore.ConnectTimeout):
        return Fault("connect", f"no connection after {watch.timeouts.connect_s:g} s")
    if isinstance(error, httpcore.ConnectError):
        kind = "tls" if isinstance(error.__cause__, ssl.SSLError) else "connect"
        return Fault(kind, str(error) or "no connection")
    if isinstance(error, httpcore.TimeoutException):
        return Fault(*watch.expiry())
    if answer.status is not None:
        cut = isinstance(error, httpcore.NetworkError) or "without sending complete" in str(error)
        return Fault("truncated" if cut else "protocol", str(error) or "the connection broke inside the body")
    # A kept connection that the server closed meanwhile looks like this too, and a retry might be paid for twice.
    kept = "" if watch.connected_anew else " (on a kept connection; it was not tried again)"
    return Fault("protocol", (str(error) or "the connection broke before a response") + kept)


def _is_stream(headers: Headers) -> bool:
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    return kind.split(";")[0].strip().lower() == "text/event-stream"


def _with_defaults(url: str, headers: Sequence[tuple[str, str]], content: bytes) -> Headers:
    """The headers with Host, Accept-Encoding and Content-Length where the asker did not set them."""
    given = {name.lower() for name, _ in headers}
    defaults = [("Host", urlsplit(url).netloc), ("Accept-Encoding", "identity"), ("Accept", "*/*")]
    if content and "transfer-encoding" not in given:
        defaults.append(("Content-Length", str(len(content))))
    return (*(pair for pair in defaults if pair[0].lower() not in given), *headers)


def _split(url: str) -> httpcore.URL:
    """The URL with its path and query byte for byte as written; only what HTTP/1.1 cannot carry is escaped."""
    scheme, _, rest = url.partition("://")
    parts = urlsplit(url)
    authority = parts.netloc
    target = quote(rest[len(authority) :].partition("#")[0], safe=_AS_GIVEN) or "/"
    target = target if target.startswith("/") else f"/{target}"
    return httpcore.URL(scheme=scheme.lower(), host=parts.hostname or "", port=parts.port, target=target)
