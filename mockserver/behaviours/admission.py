"""The steps between a body and the provider: read, parse, validate, gate, afford. Each refuses or lets pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockserver.upstream.pieces import UpstreamFailure
from mockserver.wire import decode, depth

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.catalogue import Row


class Disconnected(Exception):
    """The client left before its request was complete."""


async def read_body(call: Call) -> None:
    """The whole body, refused as soon as it is known to be over the cap."""
    cap = call.gateway.body_cap
    declared = call.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > cap:
        raise call.gateway.refuse_too_large(call)
    chunks: list[bytes] = []
    size = 0
    if call.cycle is not None and (whole := call.cycle.whole_body()) is not None:
        if len(whole) > cap:
            raise call.gateway.refuse_too_large(call)
        call.raw = whole
        return
    while True:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > cap:
            raise call.gateway.refuse_too_large(call)
        chunks.append(chunk)
        if not message.get("more_body"):
            break
    call.raw = b"".join(chunks)


async def follow_provider(call: Call) -> None:
    """The catalogue as the provider has it now; one that cannot be read lets nothing pass."""
    try:
        call.state.catalogue.follow(await call.state.upstream.rows())
    except UpstreamFailure:
        raise call.gateway.refuse_upstream(call) from None


async def parse(call: Call) -> None:
    """The body as a JSON object, nested no deeper than the cap."""
    call.body = call.gateway.decode_body(call, call.raw)


def decode_body(call: Call, raw: bytes) -> dict[str, Any]:
    try:
        body = decode(raw)
    except RecursionError:
        raise call.gateway.refuse_too_deep(call) from None
    except ValueError:
        raise call.gateway.refuse_bad_json(call) from None
    if not isinstance(body, dict):
        raise call.gateway.refuse_bad_json(call)
    if depth(raw, body, call.gateway.depth_cap) > call.gateway.depth_cap:
        raise call.gateway.refuse_too_deep(call)
    return body


async def validate(call: Call) -> None:
    """Required members, then every known parameter that is present; null means not given."""
    gateway, body = call.gateway, call.body
    for name in gateway.required:
        if body.get(name) is None:
            raise gateway.refuse_missing(call, name)
    for name, check in gateway.checks_of(tuple(body)):
        if body[name] is not None:
            check(call, body[name])
    gateway.check_extra(call, body)
    if gateway.check_unknown is not None:
        gateway.check_unknown(call, body)
    call.model = body["model"]


async def gate(call: Call) -> None:
    """assertConfidentialModel: looked up in the live catalogue on every call, before anything is spent."""
    row = call.gateway.find_model(call, call.model)
    if row is None:
        raise call.gateway.refuse_unknown_model(call, call.model)
    if not call.gateway.admits(call, row):
        raise call.gateway.refuse_not_confidential(call, call.model)
    call.row = row


async def place(call: Call) -> None:
    """Where the request is served, for contracts whose services promise a place."""
    for choose in call.state.placers:
        choose(call)


def find_model(call: Call, model: str) -> Row | None:
    return call.state.catalogue.get(model)


def admits(call: Call, row: Row) -> bool:
    """The confidential flag as it is now; every model where the contract has no gate."""
    return row.confidential or call.state.traits.confidential_flag is None


def sibling(call: Call, model: str) -> str | None:
    """The live TEE variant to suggest for a model that is refused."""
    row = call.state.catalogue.get(model)
    name = row.sibling if row else None
    other = call.gateway.find_model(call, name) if name else None
    return name if other is not None and call.gateway.admits(call, other) else None


async def check_abilities(call: Call) -> None:
    """What this model can do: tools, JSON, and a context that holds the prompt."""
    gateway, row, body = call.gateway, call.row, call.body
    assert row is not None
    if row.kind not in gateway.kinds:
        raise gateway.refuse_wrong_kind(call, row.id)
    if body.get("tools") and not gateway.can_use_tools(call, row):
        raise gateway.refuse_not_capable(call, "tools", row.id)
    wanted = body.get("response_format")
    if wanted and wanted["type"] != "text" and not gateway.can_write_json(call, row):
        raise gateway.refuse_not_capable(call, "response_format", row.id)
    call.prompt_tokens = gateway.prompt_tokens(call)
    call.max_tokens = gateway.max_tokens(call)
    if call.prompt_tokens > gateway.context_of(call, row):
        raise gateway.refuse_context(call, row.context)


def can_use_tools(call: Call, row: Row) -> bool:
    return call.state.traits.tags is None or "tools" in row.tags


def can_write_json(call: Call, row: Row) -> bool:
    return call.state.traits.tags is None or row.writes_json


def context_of(call: Call, row: Row) -> int:
    return row.context


def max_tokens(call: Call) -> int:
    """Most tokens one choice may have: the smaller of what was asked, or the default, and what the model can."""
    assert call.row is not None
    body, most = call.body, call.row.output
    asked: list[int] = [body[name] for name in call.gateway.token_limits if body.get(name) is not None]
    return min(most, *(asked or [call.state.traits.default_max_tokens or call.gateway.fallback_max_tokens]))


async def afford(call: Call) -> None:
    """Hold the most this request can cost, or refuse before the provider hears of it."""
    assert call.row is not None
    if not call.state.traits.billed:
        return
    gateway = call.gateway
    call.price = gateway.price_of(call, call.row)
    call.reserved = gateway.estimate(call)
    if not gateway.reserve(call, call.reserved):
        raise gateway.refuse_insufficient(call)
