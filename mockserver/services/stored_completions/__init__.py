"""Completions that are kept: read again by their id, and rated up or down. Streams are kept like others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import auth
from mockserver.services.answers import deleted, json_answer, there
from mockserver.services.members import Check, one_of, read_members, required
from mockserver.services.observing import when_whole
from mockserver.services.service import Route, Service
from mockserver.services.stored_completions.assembled import assembled
from mockserver.services.stored_completions.store import SCHEMA, Completions
from mockserver.wire import decode, encode

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.storage import Storage
    from mockserver.state import State

Handler = Callable[["Call"], Awaitable["Reply"]]
Json = dict[str, Any]
DAY_S = 24 * 60 * 60
check_vote = one_of(("up", "down"))


def completions_of(call: Call) -> Completions:
    kept: Completions = call.state.parts["stored_completions"]
    return kept


async def get(call: Call) -> Reply:
    """GET /chat/completions/{id}: what was answered."""
    stored = call.gateway.stored
    return json_answer(call, stored.shown(call, _known(call)))


async def rate(call: Call) -> Reply:
    """POST /chat/completions/{id}: the last vote counts."""
    stored = call.gateway.stored
    _known(call)
    vote = (await read_members(call, {"vote": required(stored.check_vote)}))["vote"]
    completions_of(call).vote(call.params["id"], vote)
    return deleted(stored.rated_status)


def _known(call: Call) -> Json:
    document: Json = decode(there(call, call.gateway.stored.find(call, call.params["id"]), "chat completion"))
    return document


def find(call: Call, completion_id: str) -> bytes | None:
    """One of the caller's own, while it is kept."""
    stored = call.gateway.stored
    since = call.state.clock.now() - stored.kept_s
    return completions_of(call).find(completion_id, stored.owner_of(call), since)


def shown(call: Call, document: Json) -> Json:
    return document


def observe(call: Call, reply: Reply) -> Reply:
    """Every answer of chat that came to its end."""
    if not call.completion_id or reply.status != 200:
        return reply

    def take(body: bytes, whole: bool) -> None:
        document = call.gateway.stored.document(call, body, reply.frames is not None)
        if whole and document is not None:
            call.gateway.stored.keep(call, document)

    return when_whole(call, reply, take)


def document(call: Call, body: bytes, streamed: bool) -> Json | None:
    """The completion object that was answered, or that the stream's chunks tell."""
    if streamed:
        return assembled(body, call.gateway.completion_object, call.usage)
    told = decode(body)
    return told if isinstance(told, dict) else None


def keep(call: Call, finished: Json) -> None:
    owner, now = call.gateway.account_of(call), call.state.clock.now()
    completions_of(call).keep(call.completion_id, owner, encode(finished), now)


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Held by the gateway as `stored`."""

    get: Handler = get
    rate: Handler = rate
    owner_of: Callable[[Call], str] = auth.account_of  # whose completions a call can see at all
    find: Callable[[Call, str], bytes | None] = find
    shown: Callable[[Call, Json], Any] = shown
    document: Callable[[Call, bytes, bool], Json | None] = (
        document  # (call, body, streamed): what is kept; None = nothing
    )
    keep: Callable[[Call, Json], None] = keep
    kept_s: float = 30 * DAY_S
    check_vote: Check = check_vote
    rated_status: int = 204


def _open(storage: Storage, state: State) -> Completions:
    return Completions(storage.connect(SCHEMA))


SERVICE = Service(
    "stored_completions",
    routes=(
        Route("GET", "/chat/completions/{id}", "stored.get"),
        Route("POST", "/chat/completions/{id}", "stored.rate"),
    ),
    open=_open,
    observe=observe,
)
