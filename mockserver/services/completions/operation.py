"""A prompt becomes a conversation of one message for the engine; its answer becomes text again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import admission, completion
from mockserver.services.members import any_of, array, checked, required, text

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.gateway import Gateway
    from mockserver.upstream import Piece

MEMBERS = {"model": required(text()), "prompt": required(any_of(text(), array(text(), 1, 1)))}
OF_CHAT_ALONE = ("messages", "prompt", "logprobs", "top_logprobs", "tools", "tool_choice", "response_format")


async def serve(call: Call) -> Reply:
    """As chat does it, from the prompt on."""
    decide = call.gateway.completions
    call.gateway = decide.gateway(call.gateway)
    for step in call.gateway.chat_steps:
        await step(call)
        if step is admission.parse:
            given = checked(call, call.body, decide.members)
            call.body = decide.as_chat(call, given)
    call.state.watch(call)
    return await call.gateway.chat(call)


def as_chat(call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the prompt as its one message; what only chat has is left out."""
    prompt = given["prompt"] if isinstance(given["prompt"], str) else given["prompt"][0]
    kept = {name: value for name, value in call.body.items() if name not in OF_CHAT_ALONE}
    if kept.get("max_tokens") is None:
        kept["max_tokens"] = call.gateway.completions.default_max_tokens
    return {**kept, "messages": [{"role": "user", "content": prompt}]}


def of_text(gateway: Gateway) -> Gateway:
    decide = gateway.completions
    return replace(
        gateway,
        kinds=("completion", "chat"),
        completion_id=decide.completion_id,
        completion_object=decide.completion_object,
        chunk_object=decide.completion_object,
        choice=decide.choice,
        chunk=decide.chunk,
    )


def completion_id(call: Call) -> str:
    return "cmpl-" + secrets.token_hex(12)


def choice(call: Call, index: int, pieces: list[Piece]) -> dict[str, Any]:
    found = completion.choice(call, index, pieces)
    text_of: str = found["message"]["content"]
    return {"index": index, "text": text_of, "logprobs": None, "finish_reason": found["finish_reason"]}


def chunk(call: Call, made: dict[str, Any]) -> dict[str, Any] | None:
    """A chunk of chat as one of text: the delta's content, and nothing for the role."""
    choices = [
        {
            "index": each["index"],
            "text": each["delta"].get("content") or "",
            "logprobs": None,
            "finish_reason": each["finish_reason"],
        }
        for each in made["choices"]
    ]
    silent = choices and all(not each["text"] and each["finish_reason"] is None for each in choices)
    return None if silent else {**made, "choices": choices}
