"""The volt block: spliced into answers, whoever wrote them, so that every other byte stays as it was."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.stream import flat
from mockserver.call import Reply
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.call import Call

MILLI = 1000
_TENTH = Decimal("0.1")


def shown(call: Call, reply: Reply) -> Reply:
    """The reply with its pod in a header and, where it succeeded, a volt block in its document or its chunks."""
    if call.place is None:
        return reply
    spark = call.gateway.spark
    headers = [*reply.headers, *spark.headers(call)]
    if not 200 <= reply.status < 300:
        return Reply(reply.status, reply.body, headers, reply.frames)
    if reply.frames is not None:
        return Reply(reply.status, reply.body, headers, spark.stream(call, flat(reply.frames)))
    elapsed = time.perf_counter() - call.began
    tokens = (call.usage or {}).get("completion_tokens", 0)
    return Reply(reply.status, spark.whole(call, reply.body, spark.block(call, elapsed, tokens, elapsed)), headers)


def headers(call: Call) -> list[tuple[str, str]]:
    return [("X-Volt-Pod-Id", call.place.pod.id)]


def block(call: Call, first: float, tokens: int, elapsed: float) -> dict[str, Any]:
    """`first` is seconds to the first output, `elapsed` seconds until now, in which so many tokens came."""
    place = call.place
    rate = (Decimal(tokens) / Decimal(max(elapsed, 1e-3))).quantize(_TENTH)
    return {
        "pod_id": place.pod.id,
        "metro": place.pod.metro,
        "tier": place.tier,
        "ttft_ms": int(first * MILLI),
        "tps": rate,
    }


def spliced(body: bytes, volt: dict[str, Any]) -> bytes:
    """A JSON object with one more member; what is no object stays as it is."""
    if not body.endswith(b"}") or body == b"{}":
        return body
    return body[:-1] + b',"volt":' + encode(volt) + b"}"


def whole(call: Call, body: bytes, volt: dict[str, Any]) -> bytes:
    return spliced(body, volt)


async def stream(call: Call, frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Every chunk with the block as it is by then; [DONE] and errors stay as they are."""
    first, count = None, 0
    try:
        async for frame in frames:
            now = time.perf_counter() - call.began
            first = now if first is None else first
            count += 1
            yield call.gateway.spark.frame(call, frame, call.gateway.spark.block(call, first, count, now))
    finally:
        close = getattr(frames, "aclose", None)
        if close is not None:
            await close()


def frame(call: Call, sent: bytes, volt: dict[str, Any]) -> bytes:
    body = sent.removesuffix(b"\n\n")
    if not body.startswith(b"data: {") or body.startswith(b'data: {"error"') or not sent.endswith(b"\n\n"):
        return sent
    return spliced(body, volt) + b"\n\n"
