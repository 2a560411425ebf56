"""What an answer is made of before it has any wire form, and the two ways in which it can fail to come."""

from __future__ import annotations

from typing import Any, NamedTuple


class UpstreamFailure(Exception):
    """The provider failed or went away before its answer was complete."""


class Aborted(Exception):
    """The gateway told the provider to stop."""


class Piece(NamedTuple):
    """One step of one choice: bytes of text, a part of a tool call, a finish, or a usage."""

    step: int
    choice: int
    text: bytes = b""
    tool: dict[str, Any] | None = None
    finish: str | None = None
    logprobs: list[dict[str, Any]] | None = None
    tokens: int = 0
    usage: dict[str, int] | None = None
