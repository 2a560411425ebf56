"""Chat that reads in a collection first: the texts nearest to the question stand before the conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import admission
from mockserver.behaviours.text import last_user_text
from mockserver.services.answers import there
from mockserver.services.service import Route, Service
from mockserver.services.vector_store.search import found_in

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.vector_store.store import Collection

Step = Callable[["Call"], Awaitable[None]]
Json = dict[str, Any]


async def serve(call: Call) -> Reply:
    """Every admission step of a chat request, the search among them, then the answer."""
    for step in call.gateway.rag.steps:
        await step(call)
    call.state.watch(call)
    return call.gateway.record_answer(call, await call.gateway.chat(call))


async def retrieve(call: Call) -> None:
    """What was found stands before the conversation; what the search has embedded is counted apart."""
    rag, query = call.gateway.rag, call.gateway.rag.query(call)
    collection = rag.collection_of(call)
    found = await found_in(call, collection, query, rag.most) if query else []
    if found:
        call.used["embedding"] = call.gateway.vectors.count(query)
        texts = [item.content for item, match in found if match.similarity >= rag.least_similarity]
        call.body = {**call.body, "messages": rag.messages(call, texts)}


def collection_of(call: Call) -> Collection:
    """The collection that the request names, if it is the caller's own."""
    named = call.body.get("collection")
    if named is None:
        raise call.gateway.refuse_missing(call, "collection")
    if not isinstance(named, str) or not named:
        expected = "the id of a collection"
        raise call.gateway.refuse_parameter(call, "collection", f"Invalid value for 'collection': expected {expected}.")
    return there(call, call.gateway.vectors.find_collection(call, named), "collection")


def query(call: Call) -> str:
    """What is looked for: the last words of the user."""
    return last_user_text(call.body["messages"])


def messages(call: Call, texts: list[str]) -> list[Json]:
    """A system message with what was found, and then the conversation."""
    context = "\n\n".join(texts)
    told = f"Use this context to answer.\n<context>\n{context}\n</context>"
    return [{"role": "system", "content": told}, *call.body["messages"]] if texts else list(call.body["messages"])


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Held by the gateway as `rag`."""

    serve: Callable[[Call], Awaitable[Reply]] = serve
    steps: tuple[Step, ...] = (
        admission.read_body,
        admission.parse,
        admission.validate,
        admission.gate,
        retrieve,
        admission.check_abilities,
        admission.afford,
    )
    collection_of: Callable[[Call], Collection] = collection_of
    query: Callable[[Call], str] = query
    messages: Callable[[Call, list[str]], list[Json]] = messages
    most: int = 4  # texts that the model is given
    least_similarity: float = 0.0


SERVICE = Service("rag", routes=(Route("POST", "/chat/completions/RAG", "rag.serve"),))
