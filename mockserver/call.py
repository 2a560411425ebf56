"""One request on its way through the gateway, and the reply it gets. Holds facts, decides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from mockserver.behaviours.limits import Window
    from mockserver.catalogue import Row
    from mockserver.cycle import Cycle
    from mockserver.gateway import Gateway
    from mockserver.ledger import Key
    from mockserver.state import State
    from mockserver.upstream import Generation

Headers = list[tuple[str, str]]


class Run(Protocol):
    """Frames that are known and not due yet: whoever writes them lets the provider push each when it is."""

    frames: list[bytes]
    pushed: int  # so many of them

    async def play(self, push: Callable[[list[bytes]], bool]) -> None: ...


Frame = bytes | Run  # of a stream: one that is due, or several with a time each


class Price(NamedTuple):
    """USD per million tokens."""

    prompt: Decimal
    completion: Decimal


@dataclass(slots=True)
class Reply:
    """A status, headers and either bytes or the frames of a stream."""

    status: int
    body: bytes
    headers: Headers
    frames: AsyncIterator[Frame] | None = None


@dataclass(slots=True)
class Call:
    """Filled in step by step; what a later step needs and an earlier one did not find stays None."""

    gateway: Gateway
    state: State
    method: str
    path: str  # decoded
    raw_path: str  # as it came, percent-encoding and all
    query: str
    headers: dict[str, str]  # names in lower case
    spelled: list[bytes]  # header names as the client spelled them
    receive: Callable[[], Awaitable[Any]]
    request_id: str
    raw: bytes = b""
    body: Any = None  # an object once parsed; no wire type is trusted before it is validated
    key: Key | None = None
    window: Window | None = None
    handler: Callable[[Call], Awaitable[Reply]] | None = None
    model: str = ""
    row: Row | None = None
    tier: str | None = None  # whose price is due, where a model has several
    price: Price | None = None
    prompt_tokens: int = 0
    max_tokens: int = 0
    reserved: int = 0
    generation: Generation | None = None
    delivered: int = 0
    completion_id: str = ""
    created: int = 0
    settled: bool = False
    origin: str = ""  # scheme and host, as the client called them
    transport: asyncio.Transport | None = None  # of the connection that it came by
    cycle: Cycle | None = None  # that writes its answer; None for an application without a server
    params: Mapping[str, str] = field(default_factory=dict)  # of the path, decoded
    place: Any = None  # where it is served, for contracts that promise one
    began: float = field(default_factory=time.perf_counter)  # seconds
    facts: dict[str, Any] = field(default_factory=dict)  # what a refusal may tell beside its own words
    usage: dict[str, int] | None = None  # of a generation, once it is settled
    used: dict[str, int] = field(default_factory=dict)  # what the call is counted by: tokens or characters, by kind

    @property
    def streams(self) -> bool:
        return isinstance(self.body, dict) and self.body.get("stream") is True
