"""A provider of its own: the OpenAI contract without accounts, whose answers go wrong as a script says.

It accepts any gateway as its client and judges nothing; its log and its faults are read and set by the control API.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import completion, errors, routes, stream
from mockserver.behaviours.admission import Disconnected
from mockserver.call import Call, Reply
from mockserver.catalogue import Row
from mockserver.gateway import Gateway
from mockserver.ledger import Key
from mockserver.refusal import Refusal
from mockserver.serve import Options, Server
from mockserver.upstream.faults import FAULTS, Script
from mockserver.upstream.local import LocalUpstream

if TYPE_CHECKING:
    from mockserver.upstream.pieces import Generation

CONTRACT = "openai-core"
ANOTHER_MODEL = "assay/another-model"
HOUR = 3600.0  # how long a provider that hangs does so
PACKET = 3  # bytes of a packet where frames are split: shorter than any character that has four


def provider(script: Script, options: Options, models: Sequence[str] = (), key: str | None = None) -> Server:
    """Not yet running. `models` replaces the list that it serves; `key` is the only one it takes, None takes all."""
    server = Server(CONTRACT, provider_gateway(key), options)
    upstream = server.state.upstream
    assert isinstance(upstream, LocalUpstream)
    upstream.script, upstream.kinds, upstream.idle_s = script, FAULTS, HOUR
    if models:
        server.state.catalogue.serve_only(models)
    return server


def provider_gateway(key: str | None = None) -> Gateway:
    """Decisions of a provider: no accounts, the log holds what came, and every fault shows on the wire."""
    return Gateway(
        needs_key=lambda _: key is not None,
        find_key=lambda _, secret: _key(secret, key),
        upstream_body=lambda call: dict(call.body),
        start_upstream=_start,
        chat=_chat,
        frames=_frames,
        chunk=_chunk,
        model_row=_row,
        stream_model_echo=_model,
        model_echo=_model,
        refuse_upstream=_refusal,
        in_stream_error=_in_stream_error,
        usage_of=_usage,
        usage_chunk=_usage_chunk,
        reported_usage=_reported,
        reported_stream_usage=_reported,
    )


def _key(secret: str, wanted: str | None) -> Key | None:
    matches = wanted is not None and hmac.compare_digest(secret.encode("utf-8", "replace"), wanted.encode())
    return Key("", "key_main", "", None) if matches else None


def _kind(call: Call) -> str | None:
    """The fault that this call meets."""
    return call.generation.fault.kind if call.generation is not None and call.generation.fault is not None else None


def _start(call: Call) -> Generation:
    """The log holds the caller's id of the request, so that both sides can be compared."""
    request_id = call.headers.get("x-request-id") or call.request_id
    since = call.cycle.arrived if call.cycle is not None else None
    body = call.gateway.upstream_body(call)
    generation = call.state.upstream.start(body, request_id[:200], "", call.max_tokens, since)
    if generation.fault is not None and generation.fault.kind == "flip_confidential":
        assert call.row is not None
        call.state.catalogue.change(call.row.id, not call.row.confidential, None)
    return generation


async def _chat(call: Call) -> Reply:
    """A provider that fails before its first byte does not answer: it goes away."""
    try:
        return await completion.chat(call)
    except Refusal:
        if _kind(call) in ("fail_before_first_byte", "drop_after_chunks", "hang"):
            await _hang_up(call)
        raise


async def _hang_up(call: Call) -> None:
    if call.transport is not None:
        call.transport.close()
        await call.receive()  # returns when the connection is closed
    raise Disconnected


async def _frames(call: Call, frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream as it leaves: cut into small packets, or ended without an end."""
    async for frame in frames:
        if _kind(call) == "split_frames":
            for at in range(0, len(frame), PACKET):
                yield frame[at : at + PACKET]
                await asyncio.sleep(0)
        else:
            yield frame
    if call.generation is not None and call.generation.record.outcome == "dropped":
        raise Disconnected


def _chunk(call: Call, chunk: dict[str, Any]) -> dict[str, Any]:
    """With the usage so far where it is reported all the time."""
    if _kind(call) != "cumulative_usage" or call.generation is None:
        return chunk
    return {**chunk, "usage": call.generation.usage_so_far()}


def _usage(call: Call, usage: dict[str, int] | None) -> dict[str, int]:
    """What its engine counted, however little that is."""
    return call.gateway.fallback_usage(call, call.delivered) if usage is None else usage


def _usage_chunk(call: Call, envelope: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if _kind(call) == "omit_usage" else stream.usage_chunk(call, envelope, usage)


def _reported(call: Call, usage: dict[str, int]) -> dict[str, Any] | None:
    if _kind(call) == "cached_usage":
        return {**usage, "prompt_tokens_details": {"cached_tokens": usage["prompt_tokens"] // 2}}
    return None if _kind(call) == "omit_usage" else completion.reported_usage(call, usage)


def _model(call: Call) -> str:
    return ANOTHER_MODEL if _kind(call) == "wrong_model" else call.model


def _refusal(call: Call) -> Refusal:
    fault = call.generation.fault if call.generation is not None else None
    if fault is None or fault.kind != "refuse":
        return Refusal(500, "internal_error", "The engine failed.", "server_error")
    if fault.status == 429:
        wait = (("Retry-After", "1"),)
        return Refusal(429, "rate_limit_exceeded", "Too many requests.", "rate_limit_error", headers=wait)
    return Refusal(fault.status, "unavailable", "The engine does not take requests now.", "server_error")


def _in_stream_error(call: Call, refusal: Refusal) -> list[bytes]:
    return errors.in_stream_error(call, refusal) if _kind(call) == "error_in_stream" else []


def _row(call: Call, row: Row) -> dict[str, Any]:
    """The list also says what a gateway has to know: the flag, the prices (USD per million tokens), the abilities."""
    price = {"prompt": row.upstream.prompt, "completion": row.upstream.completion}
    shown = routes.model_row(call, row)
    return {**shown, "confidential_compute": row.confidential, "pricing": price, "supported_features": list(row.tags)}
