"""Defects of completions that are kept: what is read again, and how it is rated."""

from __future__ import annotations

from typing import Any

from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.services import stored_completions
from mockserver.services.answers import deleted
from mockserver.services.members import anything
from mockserver.wire import encode

Json = dict[str, Any]


@defect(breaks=("VU-045", "VU-046"))
def answers_with_any_completion(gateway: Gateway) -> Gateway:
    """Answers any id with an empty completion."""
    empty = encode({"id": "chatcmpl-0", "created": 0, "model": "", "choices": [], "usage": {}})
    return within(gateway, "stored", find=lambda call, completion_id: empty)


@defect(breaks="VU-045", also=("VU-170", "VU-173"))
def keeps_the_beginning_of_an_answer(gateway: Gateway) -> Gateway:
    """Keeps the first characters of an answer and no more."""

    def shown(call: Call, document: Json) -> Json:
        choices = [{**choice, "message": {"role": "assistant", "content": "1 2"}} for choice in document["choices"]]
        return {**document, "choices": choices}

    return within(gateway, "stored", shown=shown)


@defect(breaks="VU-047")
def keeps_no_usage(gateway: Gateway) -> Gateway:
    """Tells a kept completion without its usage."""

    def shown(call: Call, document: Json) -> Json:
        return {name: value for name, value in document.items() if name != "usage"}

    return within(gateway, "stored", shown=shown)


@defect(breaks=("VU-048", "VU-050"))
def answers_a_vote_with_202(gateway: Gateway) -> Gateway:
    """Answers a vote as though it would only be taken later."""
    return within(gateway, "stored", rated_status=202)


@defect(breaks="VU-049", also=("VU-050", "VU-156"))
def takes_votes_on_nothing(gateway: Gateway) -> Gateway:
    """Thanks for a vote without looking what it is on."""

    async def rate(call: Call) -> Reply:
        return deleted()

    return within(gateway, "stored", rate=rate)


@defect(breaks="VU-050")
def takes_any_vote(gateway: Gateway) -> Gateway:
    """Takes any text, and anything else, for a vote."""
    return within(gateway, "stored", check_vote=anything, rate=_rate_by_words)


async def _rate_by_words(call: Call) -> Reply:
    try:
        return await stored_completions.rate(call)
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return deleted()
    except Exception:
        return deleted()


@defect(breaks="VU-050")
def takes_one_vote_alone(gateway: Gateway) -> Gateway:
    """Refuses the second vote on a completion."""
    voted: set[str] = set()

    async def rate(call: Call) -> Reply:
        reply = await stored_completions.rate(call)
        if call.params["id"] in voted:
            raise Refusal(409, "already_rated", "This completion was rated before.")
        voted.add(call.params["id"])
        return reply

    return within(gateway, "stored", rate=rate)


@defect(breaks="VU-170")
def keeps_no_streams(gateway: Gateway) -> Gateway:
    """Forgets streamed answers as soon as they are given."""
    document = gateway.stored.document

    def kept(call: Call, body: bytes, streamed: bool) -> Json | None:
        return None if streamed else document(call, body, streamed)

    return within(gateway, "stored", document=kept)
