"""A stream put together again: the completion object that its chunks tell, as far as they were sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mockserver.wire import decode

Json = dict[str, Any]
_DATA = b"data: "


def assembled(sent: bytes, completion_object: str, usage: dict[str, int] | None) -> Json | None:
    """None where no chunk was sent. `usage` is what the call came to, told by a chunk or not."""
    whole: Json | None = None
    choices: dict[int, Json] = {}
    for chunk in _chunks(sent):
        if "choices" not in chunk:
            continue
        whole = whole or {**chunk, "object": completion_object}
        for choice in chunk["choices"]:
            _add(choices.setdefault(choice["index"], _empty(choice["index"])), choice)
    if whole is None:
        return None
    return {**whole, "choices": [choices[index] for index in sorted(choices)], "usage": usage}


def _empty(index: int) -> Json:
    return {"index": index, "message": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}


def _add(choice: Json, part: Json) -> None:
    delta = part.get("delta") or {}
    if delta.get("role"):
        choice["message"]["role"] = delta["role"]
    if isinstance(text := delta.get("content"), str):
        choice["message"]["content"] += text
    choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]


def _chunks(sent: bytes) -> Iterator[Json]:
    for line in sent.split(b"\n"):
        if line.startswith(_DATA + b"{"):
            yield decode(line[len(_DATA) :])
