"""Requests per minute and key: a fixed window of 60 s. A request without a key has no bucket."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mockserver.call import Call, Headers

WINDOW_S = 60


class Window(NamedTuple):
    """What the three headers say; `reset` in unix seconds."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool


class Limiter:
    """Counts per bucket: when the window began and how many calls it has seen."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[int, int]] = {}

    def take(self, bucket: str, limit: int, now: float, window_s: int = WINDOW_S) -> Window:
        began, used = self._buckets.get(bucket, (0, 0))
        if not began <= now < began + window_s:
            began, used = math.floor(now), 0  # whole seconds, so that the reset header is the exact end
        exceeded = used >= limit
        used += not exceeded
        self._buckets[bucket] = (began, used)
        return Window(limit, limit - used, began + window_s, exceeded)

    def reset(self) -> None:
        self._buckets.clear()


def limit_of(call: Call) -> int | None:
    """The key's own limit, or the contract's; None where the contract has none."""
    if call.key is not None and call.key.requests_per_minute is not None:
        return call.key.requests_per_minute
    return call.state.traits.limit


def bucket_of(call: Call) -> str:
    assert call.key is not None
    return call.key.key_id


def take(call: Call) -> Window | None:
    """Count this call in its bucket."""
    limit = call.gateway.limit_of(call)
    if limit is None or call.key is None:
        return None
    bucket = call.gateway.bucket_of(call)
    return call.state.limiter.take(bucket, limit, call.state.clock.now(), call.gateway.window_s)


async def throttle(call: Call) -> None:
    """The admission step: refuse when the window is full."""
    call.window = call.gateway.take(call)
    if call.window is not None and call.window.exceeded:
        raise call.gateway.refuse_throttled(call)


def limit_headers(call: Call) -> Headers:
    """The three headers of the contract, on every response; without a bucket nothing has been used."""
    traits = call.state.traits
    if traits.limit is None:
        return []
    window = call.window or Window(traits.limit, traits.limit, math.floor(call.state.clock.now()) + WINDOW_S, False)
    names = traits.limit_headers
    return [
        (names["limit"], str(window.limit)),
        (names["remaining"], str(window.remaining)),
        (names["reset"], str(window.reset)),
    ]
