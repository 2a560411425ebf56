"""Answers that services give: a document, nothing at all, or that there is no such thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from mockserver.call import Reply
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.call import Call

Thing = TypeVar("Thing")


def json_answer(call: Call, document: Any, status: int = 200) -> Reply:
    return Reply(status, encode(document), [("Content-Type", call.gateway.json_content_type)])


def there(call: Call, found: Thing | None, kind: str) -> Thing:
    """What was found. Raises the refusal of a thing of this kind that there is not."""
    if found is None:
        raise call.gateway.refuse_unknown(call, kind)
    return found


def deleted(status: int = 204) -> Reply:
    """No body."""
    return Reply(status, b"", [])
