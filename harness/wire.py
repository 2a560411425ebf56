"""One HTTP exchange at a time, exactly as asked, with arrival times. Never retries, never follows, never repairs.

Speaks to httpcore, the engine of httpx: httpx would normalise URLs, add headers and keep cookies.
"""

from __future__ import annotations

import datetime
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpcore

from harness.budget import Budget
from harness.deadline import TimedBackend, Watch, watching
from harness.exchange import Chunk, Exchange, Fault, Headers, Request, TargetFault
from harness.journal import Journal
from harness.nesting import depth
from harness.recording import redacted
from harness.redact import Redactor
from harness.sse import Parser
from harness.target import Limits, Target

KEEPALIVE_S = 4.0  # servers drop idle connections after 5 s or more; a stale one would look like a fault of the target
_URL_BYTES = "".join(map(chr, range(0x21, 0x7F)))  # sent as given: checks send odd paths on purpose


@dataclass(frozen=True)
class Watching:
    """What the reader does while a stream arrives. Events are counted when they carry data; comments are not."""

    abort_after: int | None = None  # close the connection after this many events
    during: Callable[[], None] | None = None  # called once, in the reader's thread
    at_event: int = 1


@dataclass
class _Answer:
    """A response while it arrives."""

    status: int | None = None
    headers: Headers = ()
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    fault: Fault | None = None
    head_ns: int = 0
    size: int = 0
    events: int = 0
    data_events: int = 0
    raised: BaseException | None = None  # what `during` raised; the exchange is recorded first


class _Stop(Exception):
    """The reader has seen enough."""

    def __init__(self, kind: str, message: str) -> None:
        self.fault = Fault(kind, message)


class Client:
    """Sends requests to one target, within its limits and its budget, and records every exchange."""

    def __init__(self, target: Target, redactor: Redactor, budget: Budget, journal: Journal) -> None:
        self.target, self.redactor, self.budget, self.journal = target, redactor, budget, journal
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(target),
            max_connections=None,
            max_keepalive_connections=target.limits.concurrency,
            keepalive_expiry=KEEPALIVE_S,
            network_backend=TimedBackend(),
        )

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
    ) -> Exchange:
        """One request and whatever came back, redacted and recorded. Failures of the target are its `fault`.

        Raises BudgetExceeded before anything is sent, ValueError for a request that HTTP/1.1 cannot carry, and what
        `during` raised, after the exchange was recorded.
        """
        reservation = self.budget.reserve(content if method == "POST" else b"")
        started = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        request = Request(method, url, _with_defaults(url, headers, content), content)
        with watching(self.target.timeouts) as watch:
            try:
                answer = self._answer(request, watch, Watching(abort_after, during, at_event))
            except BaseException:
                self.budget.release(reservation)
                raise
            end_ns = watch.elapsed_ns()
        found = Exchange(
            id=self.journal.next_id(),
            probe=probe,
            request=request,
            head_status=answer.status,
            headers=answer.headers,
            chunks=tuple(_chunks(answer.pieces)),
            fault=answer.fault,
            started=started,
            head_ns=answer.head_ns,
            end_ns=end_ns,
            intent=_intent(intent, abort_after),
        )
        kept = redacted(_examined(found, self.target.limits), self.redactor)
        self.budget.settle(reservation, kept)
        self.journal.append(kept)
        if answer.raised is not None:
            raise answer.raised
        return kept

    def close(self) -> None:
        self._pool.close()

    def _answer(self, request: Request, watch: Watch, asked: Watching) -> _Answer:
        answer = _Answer()
        try:
            response = self._pool.handle_request(self._outgoing(request))
            try:
                self._read(response, watch, asked, answer)
            finally:
                response.close()
        except _Stop as stop:
            answer.fault = stop.fault
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
            raise ValueError(f"{request.method} {request.url} cannot be sent: {error}") from error
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            answer.fault = _fault(error, watch, answer)
        return answer

    def _outgoing(self, request: Request) -> httpcore.Request:
        return httpcore.Request(
            request.method,
            _url(request.url),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers],
            content=request.body,
            extensions={"timeout": {"connect": self.target.timeouts.connect_s}},
        )

    def _read(self, response: httpcore.Response, watch: Watch, asked: Watching, answer: _Answer) -> None:
        answer.status = response.status
        answer.headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        answer.head_ns = watch.last_read_ns or watch.elapsed_ns()
        watch.in_body = True
        if asked.abort_after == 0:
            raise _Stop("aborted", "we closed the connection after the response head")
        parser = Parser()
        for data in _iterated(response):
            at_ns = watch.last_read_ns or watch.elapsed_ns()
            answer.pieces.append((at_ns, data))
            answer.size += len(data)
            if answer.size > self.target.limits.max_body_bytes:
                raise _Stop("body-cap", f"the body has more than {self.target.limits.max_body_bytes} bytes")
            if _is_stream(answer.headers):
                self._count(parser.feed(data, at_ns), asked, answer)

    def _count(self, events: Sequence[Any], asked: Watching, answer: _Answer) -> None:
        for event in events:
            answer.events += 1
            answer.data_events += event.data is not None
            if answer.events > self.target.limits.max_events:
                raise _Stop("event-cap", f"the stream has more than {self.target.limits.max_events} events")
            if event.data is None:
                continue
            if asked.during is not None and answer.data_events == asked.at_event:
                _call(asked.during, answer)
            if asked.abort_after is not None and answer.data_events >= asked.abort_after:
                raise _Stop("aborted", f"we closed the connection after {answer.data_events} events")


def _call(during: Callable[[], None], answer: _Answer) -> None:
    try:
        during()
    except BaseException as error:  # it goes on as soon as the exchange is recorded
        answer.raised = error
        raise _Stop("aborted", "we closed the connection because the check failed in mid-stream") from error


def _iterated(response: httpcore.Response) -> Iterator[bytes]:
    assert isinstance(response.stream, httpcore.SyncByteStream | Sequence) or hasattr(response.stream, "__iter__")
    yield from response.stream  # type: ignore[misc, unused-ignore]


def _fault(error: Exception, watch: Watch, answer: _Answer) -> Fault:
    if isinstance(error, httpcore.ConnectTimeout):
        return Fault("connect", f"no connection after {watch.timeouts.connect_s:g} s")
    if isinstance(error, httpcore.ConnectError):
        kind = "tls" if isinstance(error.__cause__ or error.__context__, ssl.SSLError) else "connect"
        return Fault(kind, str(error) or "no connection")
    if isinstance(error, httpcore.TimeoutException):
        return Fault(*watch.expiry())
    if answer.status is not None:
        cut = isinstance(error, httpcore.NetworkError) or "without sending complete" in str(error)
        return Fault("truncated" if cut else "protocol", str(error) or "the connection broke inside the body")
    # A kept-alive connection that the server closed meanwhile looks like this too. A retry could be paid for twice.
    reused = "" if watch.connected_anew else " (on a connection that was kept alive; never retried)"
    return Fault("protocol", (str(error) or "the connection broke before a response") + reused)


def _examined(found: Exchange, limits: Limits) -> Exchange:
    """The exchange with a fault if its complete body cannot be read: coding, size after decoding, nesting."""
    from dataclasses import replace

    if not found.complete:
        return found
    try:
        body = found.body
    except TargetFault as error:
        return replace(found, fault=Fault("decode", str(error)))
    if len(body) > limits.max_body_bytes:
        return replace(found, fault=Fault("body-cap", f"the decoded body has more than {limits.max_body_bytes} bytes"))
    documents = [(event.data or "").encode() for event in found.events] if found.is_stream else [body]
    if any(depth(document, limits.max_json_depth) > limits.max_json_depth for document in documents):
        return replace(found, fault=Fault("decode", f"the JSON is nested deeper than {limits.max_json_depth} levels"))
    return found
