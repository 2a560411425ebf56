"""Request logs: what an account asked and was answered, looked up by time and endpoint. Keys are never in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.services.answers import json_answer
from mockserver.services.members import Check, one_of, optional, read_members, required, text
from mockserver.services.observing import when_whole
from mockserver.services.request_logs.book import SCHEMA, Book, Entry
from mockserver.services.request_logs.window import PERIODS, check_timestamp, moment, window
from mockserver.services.service import Route, Service
from mockserver.services.vector_store.shown import instant

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.storage import Storage
    from mockserver.state import State

PATH = "/requests"
LONGEST = 8192  # characters of a body that are kept
MARGIN = 512  # bytes read beyond them, so that no half of a key is left where they end
KEPT_HEADERS = ("accept", "content-length", "content-type", "host", "user-agent")


check_period = one_of(PERIODS)


def book_of(call: Call) -> Book:
    book: Book = call.state.parts["request_logs"]
    return book


async def query(call: Call) -> Reply:
    """POST /requests: the requests of a window, of one endpoint or of all."""
    logs, clock = call.gateway.request_logs, call.state.clock
    members = {
        "period": required(logs.check_period),
        "timestamp": optional(logs.check_timestamp),
        "endpoint": optional(text()),
    }
    given = await read_members(call, members)
    until = clock.now() if given["timestamp"] is None else logs.moment(given["timestamp"])
    since, until = logs.window(until if until is not None else clock.now(), given["period"])
    found = book_of(call).between(logs.owner_of(call), since, until)
    told = [logs.shown(call, entry) for entry in found if logs.matches(call, entry, given["endpoint"])]
    return json_answer(call, logs.document(told))


def document(told: list[Any]) -> Any:
    return {"requests": told}


def matches(call: Call, entry: Entry, endpoint: str | None) -> bool:
    """The endpoint by its path, with the base path or without it, with a slash before it or without one."""
    if endpoint is None:
        return True
    base = call.state.traits.base_path.strip("/") + "/"
    return entry.endpoint.strip("/").removeprefix(base) == endpoint.strip("/").removeprefix(base)


def shown(call: Call, entry: Entry) -> Any:
    return {
        "timestamp": instant(entry.at),
        "method": entry.method,
        "endpoint": entry.endpoint,
        "request_headers": entry.request_headers,
        "request_body": entry.request_body,
        "response_body": entry.response_body,
        "response_code": entry.response_code,
    }


def observe(call: Call, reply: Reply) -> Reply:
    """Every request with a key but the queries themselves, whose answers would hold the log over and over."""
    if call.key is None or not call.gateway.request_logs.is_logged(call):
        return reply
    started = call.state.clock.now()

    def take(body: bytes, whole: bool) -> None:
        entry = call.gateway.request_logs.entry(call, reply, body, started)
        book_of(call).add(entry)

    return when_whole(call, reply, take)


def is_logged(call: Call) -> bool:
    base = call.state.traits.base_path
    return call.path.startswith(base + "/") and call.path != base + PATH


def entry(call: Call, reply: Reply, body: bytes, at: float) -> Entry:
    logs = call.gateway.request_logs
    kind = next((value for name, value in reply.headers if name.lower() == "content-type"), "")
    return Entry(
        account=call.gateway.account_of(call),
        at=at,
        method=call.method,
        endpoint=call.path,
        request_headers=logs.headers(call),
        request_body=logs.words(call, call.raw, call.headers.get("content-type", "")),
        response_body=logs.words(call, body, kind),
        response_code=reply.status,
    )


def headers(call: Call) -> str:
    """The few that tell something about the client and nothing about its key."""
    return "\n".join(f"{name}: {call.headers[name]}" for name in KEPT_HEADERS if name in call.headers)


def words(call: Call, body: bytes, content_type: str) -> str:
    """The beginning of a text, without the caller's key; of anything else its type and size."""
    if not body:
        return ""
    if "json" not in content_type and not content_type.startswith("text/"):
        return f"[{content_type.split(';')[0] or 'no type'}, {len(body)} bytes]"
    beginning = body[: LONGEST + MARGIN].decode("utf-8", "replace")
    secret = call.gateway.credential(call)
    return (beginning.replace(secret, "[key]") if secret else beginning)[:LONGEST]


def owner_of(call: Call) -> str:
    return call.gateway.account_of(call)


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Held by the gateway as `request_logs`."""

    query: Callable[[Call], Awaitable[Reply]] = query
    owner_of: Callable[[Call], str] = owner_of  # whose requests are told
    check_period: Check = check_period
    check_timestamp: Check = check_timestamp
    moment: Callable[[str], float | None] = moment  # ISO 8601 to unix seconds
    window: Callable[[float, int], tuple[float, float]] = window  # (until, minutes) to since and until
    matches: Callable[[Call, Entry, str | None], bool] = matches  # whether a row is of the endpoint that was asked for
    shown: Callable[[Call, Entry], Any] = shown
    document: Callable[[list[Any]], Any] = document
    is_logged: Callable[[Call], bool] = is_logged
    entry: Callable[[Call, Reply, bytes, float], Entry] = entry
    headers: Callable[[Call], str] = headers
    words: Callable[[Call, bytes, str], str] = words  # (call, body, content type) to what is kept of it


def _open(storage: Storage, state: State) -> Book:
    return Book(storage.connect(SCHEMA))


SERVICE = Service("request_logs", routes=(Route("POST", PATH, "request_logs.query"),), open=_open, observe=observe)
