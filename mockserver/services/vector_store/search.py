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

LONGEST_QUERY = 100_000  # characters
LONGEST_TEXT = 8192  # tokens, where no model says
DIMENSION = 384  # of an embedding model that does not say

count = tokens.count
check_query = text(1, LONGEST_QUERY)


def longest(call: Call) -> int:
    """Tokens that the embedding model reads; where the provider has taken it away, the store goes on as it was."""
    rows = (row for row in call.state.catalogue.rows.values() if row.kind == "embedding")
    return next((row.context for row in rows), LONGEST_TEXT)


def embedded(call: Call, content: str) -> bytes:
    return packed(call.gateway.embeddings.embed(content, store_of(call).dimension))


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
