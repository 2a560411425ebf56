"""The ASGI application over (contract, gateway): admission, handler, reply. It decides nothing itself."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mockserver import ids
from mockserver.behaviours.admission import Disconnected
from mockserver.behaviours.stream import flat
from mockserver.behaviours.vendors import is_vendor_path
from mockserver.call import Call, Frame, Reply
from mockserver.refusal import Refusal

if TYPE_CHECKING:
    from mockserver.gateway import Gateway
    from mockserver.state import State

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
log = logging.getLogger("mockserver")


class App:
    """One server. `control` answers below /control/v1 when the mock was started with a control token."""

    def __init__(self, gateway: Gateway, state: State, control: Callable[[Call], Awaitable[Reply]] | None) -> None:
        self._gateway, self._state, self._control = gateway, state, control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._call(scope, receive)
        controls = self._control is not None and call.path.startswith("/control/v1/")
        try:
            if call.state.platform is not None and is_vendor_path(call.path):
                await _send(send, call, await self._gateway.serve_vendor(call), [])
                return
            if controls:
                assert self._control is not None
                await _send(send, call, await self._control(call), [])
                return
            reply = await self._reply(call)
        except Disconnected:
            return
        if self._gateway.reply is not None:
            reply = self._gateway.reply(call, reply)
        for observe in call.state.observers:
            reply = observe(call, reply)
        headers = [*reply.headers, ("X-Request-Id", call.request_id), *self._gateway.limit_headers(call)]
        if self._gateway.response_headers is not None:
            headers = self._gateway.response_headers(call, headers)
        try:
            await _send(send, call, reply, headers)
        except Disconnected:
            return  # an answer that is left unfinished on purpose

    def _call(self, scope: Scope, receive: Receive) -> Call:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return Call(
            gateway=self._gateway,
            state=self._state,
            method=scope["method"],
            path=scope["path"],
            raw_path=scope.get("raw_path", b"").decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            spelled=scope.get("spelled", []),
            receive=receive,
            request_id="req_" + ids.name(),
            origin=f"{scope.get('scheme', 'http')}://{headers.get('host', '')}",
            transport=scope.get("transport"),
            cycle=scope.pop("cycle", None),  # which holds the scope: nothing is to be left to the garbage collector
        )

    async def _reply(self, call: Call) -> Reply:
        """The handler's reply, or the envelope of the refusal; a fault of the mock itself is a 500."""
        try:
            for step in self._gateway.steps:
                await step(call)
            for admit in call.state.admitters:
                admit(call)
            assert call.handler is not None
            return await call.handler(call)
        except Refusal as refusal:
            return self._gateway.error_reply(call, refusal)
        except Disconnected:
            raise
        except Exception:
            log.exception("the mock failed on %s %s", call.method, call.path)
            if not call.settled and call.reserved:
                self._gateway.void_failed(call)
            return self._gateway.error_reply(call, self._gateway.refuse_internal(call))


async def _send(send: Send, call: Call, reply: Reply, headers: list[tuple[str, str]]) -> None:
    shown = headers or reply.headers
    cycle, frames = call.cycle, reply.frames
    if frames is None:
        if cycle is None or not await cycle.answer(reply.status, shown, reply.body):
            await _by_asgi(send, call, reply, shown)
        return
    try:
        if cycle is None or not await cycle.stream(reply.status, shown, frames):
            await _by_asgi(send, call, reply, shown)
    finally:
        await _close(frames)


async def _by_asgi(send: Send, call: Call, reply: Reply, shown: list[tuple[str, str]]) -> None:
    if reply.frames is None and reply.status != HTTPStatus.NO_CONTENT:
        shown = [*shown, ("Content-Length", str(len(reply.body)))]
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in shown]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    if reply.frames is None:
        body = b"" if call.method == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body})
        return
    async for frame in flat(reply.frames):
        await send({"type": "http.response.body", "body": frame, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _close(frames: AsyncIterator[Frame]) -> None:
    """Whatever happens, the generator of frames comes to its end, which settles the call."""
    close = getattr(frames, "aclose", None)
    if close is not None:
        with contextlib.suppress(RuntimeError):
            await close()
