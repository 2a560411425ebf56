"""One request on its way through the gateway, and the reply it gets. Holds facts, decides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mockserver.chunked import Batch

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

    async def play(self, write: Callable[[bytes], bool]) -> None:
        """Write them as chunks of HTTP; `write` says whether more may come."""

    def said(self) -> bytes:
        """Those that were written."""


Frame = bytes | Batch | Run  # of a stream: one or several that are due, or several with a time each


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


@dataclass
class Call:
    """Filled in step by step; what a later step needs and an earlier one did not find stays None.

    Without slots, so that what nobody has set yet is found at the class: making a call then costs half.
    """

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
    origin: str  # scheme and host, as the client called them
    transport: asyncio.Transport | None  # of the connection that it came by
    cycle: Cycle | None  # that writes its answer; None for an application without a server
    raw: bytes = field(init=False, default=b"")
    body: Any = field(init=False, default=None)  # an object once parsed; no wire type is trusted before it is validated
    key: Key | None = field(init=False, default=None)
    window: Window | None = field(init=False, default=None)
    handler: Callable[[Call], Awaitable[Reply]] | None = field(init=False, default=None)
    model: str = field(init=False, default="")
    row: Row | None = field(init=False, default=None)
    tier: str | None = field(init=False, default=None)  # whose price is due, where a model has several
    price: Price | None = field(init=False, default=None)
    prompt_tokens: int = field(init=False, default=0)
    max_tokens: int = field(init=False, default=0)
    reserved: int = field(init=False, default=0)
    generation: Generation | None = field(init=False, default=None)
    delivered: int = field(init=False, default=0)
    completion_id: str = field(init=False, default="")
    created: int = field(init=False, default=0)
    settled: bool = field(init=False, default=False)
    place: Any = field(init=False, default=None)  # where it is served, for contracts that promise one
    usage: dict[str, int] | None = field(init=False, default=None)  # of a generation, once it is settled
    began: float = field(init=False, default_factory=time.perf_counter)  # seconds
    params: Mapping[str, str] = field(init=False, default_factory=dict)  # of the path, decoded
    facts: dict[str, Any] = field(init=False, default_factory=dict)  # what a refusal may tell beside its own words
    used: dict[str, int] = field(init=False, default_factory=dict)  # what it is counted by: tokens or so, by kind

    @property
    def streams(self) -> bool:
        return isinstance(self.body, dict) and self.body.get("stream") is True
