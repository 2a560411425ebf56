"""The answer without a stream: pieces put together into one chat.completion object."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mockserver import ids
from mockserver.behaviours.admission import Disconnected
from mockserver.call import Reply
from mockserver.upstream import Aborted, Text, UpstreamFailure
from mockserver.upstream.pieces import choice_of, finish_of, text_of, tool_of
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.upstream import Generation, Piece

decoder = codecs.getincrementaldecoder("utf-8")


def new_decoder() -> codecs.IncrementalDecoder:
    """Waits for the rest of a character; half a character at the end of a cut text is dropped, not replaced."""
    return decoder("ignore")


def completion_id(call: Call) -> str:
    return "chatcmpl-" + ids.name()


def created(call: Call) -> int:
    return int(call.state.clock.now())


def model_echo(call: Call) -> str:
    return call.model


def upstream_body(call: Call) -> dict[str, Any]:
    """What the provider is asked: the client's body, the contract's defaults, and always a usage chunk."""
    traits, body = call.state.traits, dict(call.body)
    if traits.default_max_tokens and not [1 for name in call.gateway.token_limits if body.get(name) is not None]:
        body["max_tokens"] = traits.default_max_tokens
    if body.get("temperature") is None and traits.default_temperature is not None:
        body["temperature"] = traits.default_temperature
    if body.get("top_p") is None and traits.default_top_p is not None:
        body["top_p"] = traits.default_top_p
    for name, known in traits.extra.items():
        if body.get(name) is None and known.get("default") is not None:
            body[name] = known["default"]
    if traits.random_seed is not None and body.get("seed") == traits.random_seed:
        del body["seed"]
    if body.get("stream"):
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return body


def start_upstream(call: Call) -> Generation:
    """The one place where a request leaves for the provider."""
    gateway = call.gateway
    account = gateway.account_of(call) if call.key else ""
    since = call.cycle.arrived if call.cycle is not None else None
    return call.state.upstream.start(gateway.upstream_body(call), call.request_id, account, call.max_tokens, since)


async def chat(call: Call) -> Reply:
    """POST /chat/completions after admission."""
    gateway = call.gateway
    call.completion_id = gateway.completion_id(call)
    call.created = gateway.created(call)
    call.generation = gateway.start_upstream(call)
    if gateway.streams(call):
        return await gateway.open_stream(call, call.generation)
    return await gateway.answer(call, call.generation)


def streams(call: Call) -> bool:
    return call.streams


async def answer(call: Call, generation: Generation) -> Reply:
    """Wait for the whole generation, settle it, and answer with one object."""
    gateway = call.gateway
    try:
        pieces = await generation.rest()
    except UpstreamFailure:
        gateway.void_failed(call)
        raise gateway.refuse_upstream(call) from None
    except Aborted:
        gateway.settle_aborted(call, gateway.usage_of(call, generation.usage_so_far()))
        raise Disconnected from None
    choices = [gateway.choice(call, index, group) for index, group in enumerate(_by_choice(pieces))]
    usage = gateway.usage_of(call, pieces[-1].usage)
    gateway.settle_finished(call, usage)
    document = gateway.document(call, choices, gateway.reported_usage(call, usage))
    body = encode(document if gateway.completed is None else gateway.completed(call, document))
    return Reply(200, body, [("Content-Type", gateway.json_content_type)])


def document(call: Call, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
    """The chat.completion object."""
    return {
        "id": call.completion_id,
        "object": call.gateway.completion_object,
        "created": call.created,
        "model": call.gateway.model_echo(call),
        "choices": choices,
        "usage": usage,
    }


def choice(call: Call, index: int, pieces: list[Piece]) -> dict[str, Any]:
    """One choice from its pieces."""
    gateway = call.gateway
    finish = pieces.plain.finish if isinstance(pieces, Text) else next(filter(None, map(finish_of, pieces)), None)
    logprobs = None
    if gateway.wants_logprobs(call.body):
        logprobs = gateway.logprobs_member([entry for piece in pieces for entry in piece.logprobs or ()])
    return {
        "index": index,
        "message": gateway.message(call, pieces),
        "logprobs": logprobs,
        "finish_reason": gateway.finish_reason(call, finish or "stop"),
    }


def logprobs_member(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": entries, "refusal": None}


def message(call: Call, pieces: list[Piece]) -> dict[str, Any]:
    """The assistant's message: text, or tool calls with null content."""
    gateway = call.gateway
    if isinstance(pieces, Text):
        text = decode_pieces(call, (pieces.plain.text,))
    elif any(map(tool_of, pieces)):
        calls = gateway.tool_calls_member(call, pieces)
        return {"role": gateway.assistant_role, "content": None, "tool_calls": calls}
    else:
        text = decode_pieces(call, map(text_of, pieces))
    call.delivered += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    if gateway.content is not None:
        text = gateway.content(call, text)
    return {"role": gateway.assistant_role, "content": text}


def tool_calls_member(call: Call, pieces: list[Piece]) -> list[dict[str, Any]]:
    """Heads and argument fragments put together, in the order of their indices."""
    heads: dict[int, dict[str, Any]] = {}
    fragments: dict[int, list[bytes]] = {}
    for piece in pieces:
        if piece.tool is not None:
            index = piece.tool["index"]
            heads.setdefault(index, piece.tool)
            fragments.setdefault(index, []).append(piece.tool.get("arguments", b""))
    return [
        call.gateway.tool_call(call, head["id"], head["name"], decode_pieces(call, fragments[index]))
        for index, head in sorted(heads.items())
    ]


def tool_call(call: Call, call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def decode_pieces(call: Call, pieces: Iterable[bytes]) -> str:
    whole = b"".join(pieces)
    if call.gateway.decoder is new_decoder:
        return whole.decode("utf-8", "ignore")  # the same, without making a decoder that waits for nothing
    return call.gateway.decoder().decode(whole, final=True)


def finish_reason(call: Call, finish: str) -> str:
    return finish


def usage_of(call: Call, upstream: dict[str, int] | None) -> dict[str, int]:
    """What the provider reported; when it reported nothing, or no token for a text, an estimate from the bytes."""
    if upstream is None or (not upstream["completion_tokens"] and call.delivered):
        return call.gateway.fallback_usage(call, call.delivered)
    return upstream


def fallback_usage(call: Call, delivered: int) -> dict[str, int]:
    """One token for every four bytes of content, rounded up, but never more than were asked for, which is what is held.

    The prompt is as the gateway counts it.
    """
    completion = min(-(-delivered // 4), call.gateway.choices_of(call.body) * call.max_tokens)
    prompt = call.prompt_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def reported_usage(call: Call, usage: dict[str, int]) -> dict[str, Any] | None:
    return usage


def _by_choice(pieces: list[Piece]) -> list[list[Piece]]:
    if isinstance(pieces, Text):
        return [pieces]
    said = [piece for piece in pieces if piece.usage is None]
    choices = sorted(set(map(choice_of, said)))
    return [said] if len(choices) == 1 else [[piece for piece in said if piece.choice == n] for n in choices]
