"""Rules for what token counts can be, whatever tokenizer the server has: it never makes more tokens than bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.chat import (
    asked,
    choices,
    content,
    indices,
    is_chat_over_texts,
    is_completion,
    is_finished,
    listed,
    member,
    message,
    objects,
    parts,
    token_count,
    usage,
)
from harness.wire.exchange import Exchange
from specs import Contract

MARGIN = 16  # tokens of the end of a turn, of a tool call's frame
PER_MESSAGE = 64
TEMPLATE = 64
TOOL_TEMPLATE = 1024  # chat templates explain to the model how to call tools, at length
_SPOKEN = ("content", "refusal", "reasoning", "reasoning_content")


def _counts_completion(x: Exchange) -> bool:
    whole = is_completion(x) or is_finished(x)
    return whole and bool(indices(x)) and token_count(x, "completion_tokens") is not None


@rule("OC-142", on=_counts_completion)
def completion_tokens_are_plausible(x: Exchange, contract: Contract) -> Problems:
    """completion_tokens is 0 only for an empty output and never more than its bytes plus a margin."""
    count = token_count(x, "completion_tokens") or 0
    hidden = member(member(usage(x), "completion_tokens_details"), "reasoning_tokens")
    spoken = count - hidden if isinstance(hidden, int) and 0 <= hidden <= count else count
    pieces = list(_output(x))
    size = sum(len(piece.encode(errors="replace")) for piece in pieces)
    most = size + MARGIN * (len(indices(x)) + _tool_calls(x))
    if count == 0 and any(content(x, index) for index in indices(x)):
        yield Problem("completion_tokens is 0 for an output with text", expected="at least 1", observed="0")
    if spoken > most:
        yield Problem(
            "completion_tokens is more than the output can hold", expected=f"at most {most}", observed=str(spoken)
        )


def _output(x: Exchange) -> Iterator[str]:
    """Every piece of text the model produced: content, reasoning, names and arguments of tool calls."""
    rows = [delta for _, delta, _ in parts(x)] if is_finished(x) else [message(x, index) for index in indices(x)]
    for row in rows:
        yield from (row[name] for name in _SPOKEN if isinstance(row.get(name), str))
        for call in objects(row.get("tool_calls")):
            function = member(call, "function")
            yield from (str(member(function, name) or "") for name in ("name", "arguments"))


def _tool_calls(x: Exchange) -> int:
    if is_completion(x):
        return sum(len(listed(member(choice.get("message"), "tool_calls"))) for choice in choices(x.json))
    rows = [(at, call.get("index")) for at, delta, _ in parts(x) for call in objects(delta.get("tool_calls"))]
    return len({repr(row) for row in rows})


def _counts_prompt(x: Exchange) -> bool:
    answered = (is_completion(x) or is_finished(x)) and not is_chat_over_texts(x)
    return answered and token_count(x, "prompt_tokens") is not None and _is_text_only(asked(x).get("messages"))


def _is_text_only(messages: Any) -> bool:
    """Whether the prompt holds nothing but text: an image has tokens that are not bytes of the request."""
    parts_ = [part for row in objects(messages) for part in listed(row.get("content"))]
    return all(member(part, "type") == "text" for part in parts_)


@rule("OC-143", on=_counts_prompt)
def prompt_tokens_are_plausible(x: Exchange, contract: Contract) -> Problems:
    """prompt_tokens is at most the bytes of what was sent, plus what a chat template adds."""
    count = token_count(x, "prompt_tokens") or 0
    wanted = asked(x)
    sent = {name: wanted.get(name) for name in ("messages", "tools", "functions", "response_format")}
    size = len(json.dumps(sent, ensure_ascii=False, default=str).encode(errors="replace"))
    called = TOOL_TEMPLATE if wanted.get("tools") or wanted.get("functions") else 0
    most = size + PER_MESSAGE * len(listed(wanted.get("messages"))) + TEMPLATE + called
    if count > most:
        yield Problem("prompt_tokens is more than the prompt can hold", expected=f"at most {most}", observed=str(count))
