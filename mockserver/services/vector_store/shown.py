"""Collections, items, files, results and usage as they are told. Times are UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.services.vector_store.index import Match
    from mockserver.services.vector_store.store import Collection, File, Item

Json = dict[str, Any]


def instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def collection(call: Call, told: Collection) -> Json:
    return {"id": told.id, "name": told.name, "created": instant(told.created)}


def item(call: Call, told: Item) -> Json:
    return {"id": told.id, "created": instant(told.created), "description": told.description, "content": told.content}


def file(call: Call, told: File) -> Json:
    return {
        "id": told.id,
        "created": instant(told.created),
        "filename": call.gateway.vectors.filename_of(told.filename),
        "status": call.gateway.vectors.status_of(call, told),
        "error": told.error,
        "items": told.items,
        "tokens": told.tokens,
    }


def result(call: Call, told: Item, match: Match) -> Json:
    """An item that was found; `score` is the cosine similarity."""
    return {**call.gateway.vectors.item(call, told), "score": round(match.similarity, 6)}


def usage(call: Call, tokens: int) -> Json:
    return {"prompt_tokens": tokens, "total_tokens": tokens}
