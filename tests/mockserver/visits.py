"""Clients of an ASGI application without a network: time stands still and nobody reads on unless told to.

So the same steps always interleave in the same way, and a request can be left at any point.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from mockserver.app import App

TURNS = 12  # of the loop: enough for everything that waits for nothing


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock moves when told to."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        """Run whatever can run at this moment."""
        self.run_until_complete(_turns())

    def advance(self, seconds: float, steps: int) -> None:
        for _ in range(steps):
            self.now += seconds / steps
            self.settle()


async def _turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Visit:
    """One request. `sent` is all that the application has written, whether or not somebody was there to read it."""

    def __init__(self, loop: Loop, app: App, method: str, path: str, headers: dict[str, str], body: Any) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.sent = bytearray()
        self.complete = self.left = False
        self._body = json.dumps(body).encode() if body is not None else b""
        self._asked, self._allowed = False, 0
        self._gone = loop.create_future()
        self._more = asyncio.Event()
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        self.task = loop.create_task(_run(app, scope, self._receive, self._send))
        loop.settle()

    @property
    def ended(self) -> bool:
        return self.task.done()

    @property
    def document(self) -> Any:
        return json.loads(bytes(self.sent))

    @property
    def events(self) -> list[Any]:
        """The parsed data of each event so far, [DONE] left out."""
        data = [line[6:] for line in bytes(self.sent).decode().split("\n\n") if line.startswith("data: ")]
        return [json.loads(item) for item in data if item != "[DONE]"]

    def read(self, frames: int) -> None:
        """Be ready for so many frames more."""
        self._allowed += frames
        self._more.set()

    def leave(self) -> None:
        """Close the connection."""
        self.left = True
        self._more.set()
        self._disconnect()

    def _disconnect(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body}
        await self._gone
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self.sent += message["body"]
        if not message.get("more_body"):
            self.complete = True
            self._disconnect()
            return
        self._allowed -= 1
        while self._allowed < 0 and not self.left:
            self._more.clear()
            await self._more.wait()


async def _run(
    app: App,
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    await app(scope, receive, send)
