"""HTTP/1.1 on uvicorn's parser, with what ASGI does not give: names as spelled, the connection, and writes of a whole.

A request whose answer waits for nothing is served at once, without a task; an answer is one write; a client that leaves
is told by the connection, so that nobody has to wait for it.
"""

from __future__ import annotations

import functools
import time
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mockserver.cycle import Cycle
from mockserver.offers import framing_of, parser_within

if TYPE_CHECKING:
    import asyncio

    from mockserver.gateway import Gateway

TURN_S = 0.001  # seconds
HALF_A_MILLISECOND = 0.0005  # the loop knows when it woke up to a whole one, rounded down


class Turns:
    """Whose turn it is: requests are begun for a millisecond, then whatever is due goes first.

    A burst of new requests may wait, because nobody expects an answer at once; the next token of a stream may not.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Protocol, Coroutine[Any, Any, None]]] = deque()
        self._woke, self._until = 0.0, 0.0

    def take(self, protocol: Protocol, work: Coroutine[Any, Any, None]) -> None:
        loop, now = protocol.loop, time.monotonic()
        if self._woke != loop.time():  # which uvloop tells as of its last waking
            self._woke, self._until = loop.time(), now + TURN_S
        if now < self._until and not self._waiting:
            protocol.serve(work)
            return
        self._waiting.append((protocol, work))
        if len(self._waiting) == 1:
            loop.call_soon(self._go_on, loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        until = time.monotonic() + TURN_S
        while self._waiting and time.monotonic() < until:
            protocol, work = self._waiting[0]
            protocol.serve(work)
            self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._go_on, loop)


class Protocol(HttpToolsProtocol):
    """One connection."""

    turns = Turns()
    wants_host = True
    cycle: Cycle
    at_once = True  # whether a request may be served before there is a task for it

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._waiting: deque[Coroutine[Any, Any, None]] = deque()
        self._busy = False
        self._answering: Cycle | None = None  # the one begun last; `cycle` is the one read last
        self._offering: tuple[bytes, bytes] | None = None  # how the body is framed of a request that offers a protocol
        self._idle_since = 0.0  # of time.monotonic(); 0 while a request is under way

    def connection_lost(self, exc: Exception | None) -> None:
        """The request that is being answered is told; uvicorn tells the latest, which may still wait for its turn."""
        cycle = self._answering
        self.pipeline.clear()
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        if cycle is None or cycle.response_complete:
            return
        cycle.disconnected = True
        cycle.wake()
        if cycle.left is not None:
            cycle.left()

    def data_received(self, data: bytes) -> None:
        """What has arrived of a body is there when its request is begun."""
        self._busy = True
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self.logger.warning("not a request: %s", error)
            self.send_400_response("Invalid HTTP request received.")
        finally:
            self._busy = False
        self._begin()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                return self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                if self._offering is not None:
                    self.parser, self._offering = parser_within(self, self._offering), None
        return None

    def on_message_begin(self) -> None:
        self.url, self.expect_100_continue = b"", False
        self.headers = []
        self._spelled: list[bytes] = []
        self._hosts = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._spelled.append(name)
        name = name.lower()
        self.headers.append((name, value))
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        """What uvicorn does, with no more in the scope than our application looks at.

        RFC 9112 section 3.2: a request of HTTP/1.1 names its host, and names it once.
        """
        version = self.parser.get_http_version()
        if self.wants_host and self._hosts != 1 and version == "1.1":
            raise ValueError("expected one Host header")  # the parser ends the connection with a 400
        path, raw_path, query = _target(self.url)
        scope: dict[str, Any] = {
            "type": "http",
            "method": self.parser.get_method().decode("ascii"),
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "scheme": self.scheme,
            "http_version": version,
            "headers": self.headers,
            "spelled": self._spelled,
            "transport": self.transport,
        }
        self._offering = framing_of(self.headers) if self.parser.should_upgrade() else None
        before = self.cycle
        self.cycle = scope["cycle"] = Cycle(self, scope, version != "1.0" and self.parser.should_keep_alive())
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Most bodies come in one piece, which is not copied."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        if not cycle.body:
            cycle.body = body
        else:
            cycle.body = cycle.body if isinstance(cycle.body, bytearray) else bytearray(cycle.body)
            cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.wake()

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if not cycle.response_complete and self._offering is None:
            cycle.more_body = False
            cycle.wake()

    def _unset_keepalive_if_required(self) -> None:
        """The one timer of a connection goes on; it looks how long nothing was asked when it goes off."""
        self._idle_since = 0.0

    def on_response_complete(self) -> None:
        """What uvicorn does, without a timer made and cancelled for every request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())  # type: ignore[arg-type]
            return
        self._idle_since = time.monotonic()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self._look_if_idle)

    def _look_if_idle(self) -> None:
        self.timeout_keep_alive_task = None
        if not self._idle_since or self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - time.monotonic()
        if left <= 0:
            self.transport.close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(left, self._look_if_idle)

    def _start_asgi_task(self, cycle: Cycle, app: Any) -> None:  # type: ignore[override]
        self._answering = cycle
        cycle.arrived = min(time.monotonic(), self.loop.time() + HALF_A_MILLISECOND)
        self._waiting.append(cycle.run_asgi(app))
        if not self._busy:
            self._begin()

    def _begin(self) -> None:
        """One after the other, however many requests came in one packet."""
        self._busy = True
        try:
            while self._waiting:
                self.turns.take(self, self._waiting.popleft())
        finally:
            self._busy = False

    def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Run until it is done or waits for something; a task then takes over."""
        if self.at_once:
            try:
                waits_for = work.send(None)
            except StopIteration:
                return
            work = resumed(work, waits_for)
        task = self.loop.create_task(work)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)


@functools.lru_cache(maxsize=256)
def _target(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, decoded and as it came, and query. Clients ask for the same few again and again."""
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


@types.coroutine
def resumed(work: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """A coroutine that was begun already, and waits. It is told how that ended, whether well or not."""
    while True:
        try:
            came = yield waits_for
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # of what it waits for, or that it is cancelled: a matter of its own
            go_on = functools.partial(work.throw, error)
        else:
            go_on = functools.partial(work.send, came)
        try:
            waits_for = go_on()
        except StopIteration:
            return


def protocol_of(gateway: Gateway, *, at_once: bool = True) -> type[Protocol]:
    """The protocol with the gateway's decisions."""
    received = gateway.received

    class Decided(Protocol):
        wants_host = gateway.wants_host

    Decided.at_once, Decided.turns = at_once, Turns()
    return Decided if received is None else _altered(Decided, received)


def _altered(protocol: type[Protocol], received: Callable[[bytes], bytes]) -> type[Protocol]:
    class Altered(protocol):  # type: ignore[valid-type, misc]
        def data_received(self, data: bytes) -> None:
            super().data_received(received(data))

    return Altered
