"""Every observable decision about embeddings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mockserver.call import Call, Reply
from mockserver.services.embeddings import operation
from mockserver.services.embeddings.vectors import embed
from mockserver.services.members import Members


@dataclass(frozen=True, kw_only=True)
class Decisions:
    serve: Callable[[Call], Awaitable[Reply]] = operation.serve
    members: Members = field(default_factory=lambda: operation.MEMBERS)
    kinds: tuple[str, ...] = ("embedding",)  # of models that embed
    texts_of: Callable[[Any], list[str]] = operation.texts_of  # input to texts
    dimension_of: Callable[[Call, Mapping[str, Any]], int] = operation.dimension_of
    embed: Callable[[str, int], Sequence[float]] = embed  # (text, dimension) to a unit vector
    shown: Callable[[Sequence[float], str], Any] = operation.shown  # as numbers or base64
    row: Callable[[int, Any], dict[str, Any]] = operation.row  # (index, vector) to an entry of data
    document: Callable[[Call, list[Any], dict[str, int]], dict[str, Any]] = operation.document
