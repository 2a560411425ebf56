"""Answers that services give: a document, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockserver.call import Reply
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.call import Call


def json_answer(call: Call, document: Any, status: int = 200) -> Reply:
    return Reply(status, encode(document), [("Content-Type", call.gateway.json_content_type)])


def deleted(status: int = 204) -> Reply:
    """No body."""
    return Reply(status, b"", [])
