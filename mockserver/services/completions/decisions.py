"""Every observable decision about text completions; all others are those of chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mockserver.call import Call, Reply
from mockserver.services.completions import operation
from mockserver.services.members import Members

if TYPE_CHECKING:
    from mockserver.gateway import Gateway
    from mockserver.upstream import Piece


@dataclass(frozen=True, kw_only=True)
class Decisions:
    serve: Callable[[Call], Awaitable[Reply]] = operation.serve
    members: Members = field(default_factory=lambda: operation.MEMBERS)
    default_max_tokens: int = 16  # OpenAI's
    as_chat: Callable[[Call, Mapping[str, Any]], dict[str, Any]] = operation.as_chat  # the body that the engine reads
    gateway: Callable[[Gateway], Gateway] = operation.of_text  # chat with text in the place of messages
    completion_object: str = "text_completion"
    completion_id: Callable[[Call], str] = operation.completion_id
    choice: Callable[[Call, int, list[Piece]], dict[str, Any]] = operation.choice
    chunk: Callable[[Call, dict[str, Any]], dict[str, Any] | None] = operation.chunk
