"""Defects of chat over a collection: it is not read, or the request is taken for another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import admission, completion
from mockserver.call import Call
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.services import rag

Json = dict[str, Any]


def is_rag(call: Call) -> bool:
    return call.path.endswith("/RAG")


def rereading(gateway: Gateway, change: Callable[[Call, Json], Json]) -> Gateway:
    """The body of a RAG request is changed before it is looked at."""

    async def reread(call: Call) -> None:
        call.body = change(call, call.body)

    steps = gateway.rag.steps
    at = steps.index(admission.parse) + 1
    return within(gateway, "rag", steps=(*steps[:at], reread, *steps[at:]))


def without(name: str, is_wrong: Callable[[Any], bool]) -> Callable[[Call, Json], Json]:
    """Forgets a member whose value is wrong."""
    return lambda call, body: {key: value for key, value in body.items() if key != name or not is_wrong(value)}


@defect(breaks=("VU-030", "VU-039"))
def answers_without_reading_the_collection(gateway: Gateway) -> Gateway:
    """Searches the collection and does not tell the model what was found."""
    return within(gateway, "rag", messages=lambda call, texts: list(call.body["messages"]))


@defect(breaks="VU-030")
def reads_the_farthest_text(gateway: Gateway) -> Gateway:
    """Tells the model the last of what was found and nothing else."""
    return within(gateway, "rag", messages=lambda call, texts: rag.messages(call, texts[-1:]))


@defect(breaks="VU-031", also=("VU-160",))
def chats_on_without_a_collection(gateway: Gateway) -> Gateway:
    """Answers from what the model knows where the collection is missing or unknown."""

    async def retrieve(call: Call) -> None:
        try:
            await rag.retrieve(call)
        except Refusal:
            return

    steps = tuple(retrieve if step is rag.retrieve else step for step in gateway.rag.steps)
    return within(gateway, "rag", steps=steps)


@defect(breaks="VU-032")
def picks_a_model_for_rag(gateway: Gateway) -> Gateway:
    """Runs a RAG request without model on a model of its own choice."""
    return rereading(gateway, lambda call, body: {"model": call.state.catalogue.default, **body})


@defect(breaks="VU-033")
def makes_up_a_question_for_rag(gateway: Gateway) -> Gateway:
    """Answers a RAG request without messages as though it had said hello."""
    hello = [{"role": "user", "content": "Hello"}]
    return rereading(gateway, lambda call, body: {**body, "messages": body.get("messages") or hello})


@defect(breaks="VU-034")
def counts_the_search_in_the_usage(gateway: Gateway) -> Gateway:
    """Adds the tokens of the search to those of the prompt."""

    def reported(call: Call, usage: dict[str, int]) -> Json | None:
        if not is_rag(call):
            return completion.reported_usage(call, usage)
        searched = call.gateway.vectors.count(call.gateway.rag.query(call))
        prompt, total = usage["prompt_tokens"] + searched, usage["total_tokens"] + searched
        return {**usage, "prompt_tokens": prompt, "total_tokens": total}

    return replace(gateway, reported_usage=reported)


@defect(breaks="VU-034")
def answers_over_a_collection_without_bound(gateway: Gateway) -> Gateway:
    """Takes no max_tokens for no bound where a collection is read."""

    def bound(call: Call) -> int:
        assert call.row is not None
        unbounded = is_rag(call) and call.body.get("max_tokens") is None
        return call.row.output if unbounded else admission.max_tokens(call)

    def body(call: Call) -> Json:
        asked = completion.upstream_body(call)
        return {**asked, "max_tokens": call.max_tokens} if is_rag(call) else asked

    return replace(gateway, max_tokens=bound, upstream_body=body)


@defect(breaks="VU-035")
def ignores_the_seed_of_rag(gateway: Gateway) -> Gateway:
    """Draws lots for every RAG request, and leaves out what was found."""
    changed = rereading(gateway, lambda call, body: {**body, "seed": -1})
    return within(changed, "rag", messages=lambda call, texts: list(call.body["messages"]))


@defect(breaks="VU-036")
def clamps_the_temperature_of_rag(gateway: Gateway) -> Gateway:
    """Accepts any number as temperature where a collection is read."""
    return rereading(gateway, without("temperature", lambda value: not 0 <= value <= 2))


@defect(breaks="VU-037")
def clamps_the_top_k_of_rag(gateway: Gateway) -> Gateway:
    """Accepts any number as top_k where a collection is read."""
    return rereading(gateway, without("top_k", lambda value: not 0 <= value <= 100))


@defect(breaks="VU-038")
def clamps_the_top_p_of_rag(gateway: Gateway) -> Gateway:
    """Accepts any number as top_p where a collection is read."""
    return rereading(gateway, without("top_p", lambda value: not 0 <= value <= 1))


@defect(breaks="VU-039")
def answers_a_rag_stream_at_once(gateway: Gateway) -> Gateway:
    """Answers a RAG request for a stream with one object."""
    return rereading(gateway, lambda call, body: {**body, "stream": False})


@defect(breaks="VU-040")
def leaves_the_usage_out_of_rag(gateway: Gateway) -> Gateway:
    """Answers a RAG request without usage."""

    def document(call: Call, choices: list[Json], usage: Json | None) -> Json:
        told = completion.document(call, choices, usage)
        return {name: value for name, value in told.items() if name != "usage" or not is_rag(call)}

    return replace(gateway, document=document)


@defect(breaks="VU-173")
def keeps_no_answer_of_rag(gateway: Gateway) -> Gateway:
    """Forgets answers over a collection as soon as they are given."""
    keep = gateway.stored.keep
    return within(gateway, "stored", keep=lambda call, document: None if is_rag(call) else keep(call, document))
