"""The mock's one tokenizer: byte-level and deterministic. Its pieces concatenate to the text's UTF-8 bytes.

Multi-byte characters fall apart across tokens on purpose, so that decoding them is real work.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.call import Call

_PIECE = re.compile(rb" ?[A-Za-z]{1,6}| ?[0-9]{1,3}|[\x80-\xff]{1,2}|[\x00-\x7f]")
_CACHED = 4096


def tokenize(text: str) -> list[bytes]:
    """Tokens of a text; lone surrogates do not occur because they are refused on the way in."""
    return _PIECE.findall(text.encode("utf-8", "replace"))


def count(text: str) -> int:
    """Number of tokens; short texts are remembered, since load tests send the same prompt again and again."""
    return _count_cached(text) if len(text) <= _CACHED else len(tokenize(text))


@functools.lru_cache(maxsize=8192)
def _count_cached(text: str) -> int:
    return len(tokenize(text))


def text_of(content: Any) -> str:
    """A message's text: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return ""


def count_message(message: dict[str, Any]) -> int:
    """Role, content, and the names and arguments of tool calls."""
    content = message.get("content")
    total = count(message.get("role", "")) + count(content if isinstance(content, str) else text_of(content))
    for tool_call in message.get("tool_calls") or ():
        function = tool_call.get("function", {})
        total += count(function.get("name", "")) + count(function.get("arguments", ""))
    return total


def count_prompt(body: dict[str, Any]) -> int:
    """Prompt tokens of a request: every message plus the definitions of its tools."""
    total = sum(map(count_message, body["messages"]))
    if tools := body.get("tools"):
        total += count(encode(tools).decode())
    return total


def prompt_tokens(call: Call) -> int:
    """The gateway's own count, before the provider has said anything."""
    return count_prompt(call.body)
