"""Search: the items whose vectors point where the query's does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockserver.behaviours import tokens
from mockserver.services.answers import json_answer
from mockserver.services.members import read_members, required, text
from mockserver.services.vector_store.collections import known, store_of
from mockserver.services.vector_store.files import finish_due
from mockserver.services.vector_store.index import Match, packed
from mockserver.services.vector_store.store import Collection, Item, Store

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.catalogue import Row

LONGEST_QUERY = 100_000  # characters
DIMENSION = 384  # of an embedding model that does not say

count = tokens.count
check_query = text(1, LONGEST_QUERY)


def embedding_model(call: Call) -> Row:
    """The first embedding model of the catalogue."""
    return next(row for row in call.state.catalogue.rows.values() if row.kind == "embedding")


def embedded(call: Call, content: str) -> bytes:
    return packed(call.gateway.embeddings.embed(content, call.gateway.vectors.model(call).dimension or DIMENSION))


def nearest(call: Call, store: Store, of: Collection, vector: bytes, most: int) -> list[tuple[Item, Match]]:
    return store.nearest(of, vector, most)


async def found_in(call: Call, of: Collection, query: str, most: int) -> list[tuple[Item, Match]]:
    """The nearest items, the nearest first."""
    await finish_due(call, of)
    vectors = call.gateway.vectors
    return vectors.nearest(call, store_of(call), of, vectors.embed(call, query), most)


async def serve(call: Call) -> Reply:
    vectors, of = call.gateway.vectors, known(call)
    query = (await read_members(call, {"input": required(vectors.check_query)}))["input"]
    found = await found_in(call, of, query, vectors.results)
    tokens_used = call.used["embedding"] = vectors.count(query)
    told = [vectors.result(call, item, match) for item, match in found]
    return json_answer(call, {"results": told, "usage": vectors.usage(call, tokens_used)})
