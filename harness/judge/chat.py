"""Views of a chat exchange that rules share: defensive readers of what was asked and of what came back.

They judge nothing and never raise on a hostile body: what has the wrong type reads as absent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard, TypeVar

from harness.wire.exchange import Exchange

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
CUT_SHORT = frozenset({"length", "content_filter"})  # a choice that ended so may hold half of a tool call or document
DONE = "[DONE]"
T = TypeVar("T")


def once(view: Callable[[Exchange], T]) -> Callable[[Exchange], T]:
    """A view that is kept with its exchange: a hundred rules read the same ones. Nobody may change what it gives."""
    name = f"{view.__module__}.{view.__qualname__}"

    @functools.wraps(view)
    def kept(x: Exchange) -> T:
        known: dict[str, Any] = x.__dict__
        if name not in known:
            known[name] = view(x)
        found: T = known[name]
        return found

    return kept


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a JSON value is an integer; true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_filled(value: object) -> TypeGuard[str]:
    """Whether a JSON value is a non-empty string."""
    return isinstance(value, str) and value != ""


def listed(value: object) -> list[Any]:
    """The value when it is an array, else an empty list."""
    return value if isinstance(value, list) else []


def member(value: object, name: str) -> Any:
    """A member of a JSON object; None when absent or when the value is no object."""
    return value.get(name) if isinstance(value, dict) else None


def objects(value: object) -> list[dict[str, Any]]:
    """The JSON objects in an array, in order; whatever else it holds is left out."""
    return [item for item in listed(value) if isinstance(item, dict)]


def shown(value: object, limit: int = 200) -> str:
    """A value off the wire for the `observed` of a problem: cut, and safe for a document nested to the brim."""
    try:
        return repr(value)[:limit]
    except RecursionError:
        return "a document nested too deeply to show"


# --- What was asked --------------------------------------------------------------------------------------------


@once
def asked(x: Exchange) -> Mapping[str, Any]:
    """The request's JSON object, empty when the request was something else."""
    return x.request.json if isinstance(x.request.json, dict) else {}


@once
def is_chat(x: Exchange) -> bool:
    """Whether this is a call of the chat operation, answered or not."""
    return x.request.method == "POST" and _path(x).endswith(("/chat/completions", "/chat/completions/RAG"))


def is_chat_over_texts(x: Exchange) -> bool:
    """A call of the chat operation that reads in a collection first: its prompt is more than what was sent."""
    return is_chat(x) and _path(x).endswith("/RAG")


def _path(x: Exchange) -> str:
    return x.request.url.split("?")[0].rstrip("/")


def asks_stream(x: Exchange) -> bool:
    return is_chat(x) and asked(x).get("stream") is True


def asks_usage(x: Exchange) -> bool:
    """Whether the request asked for usage in its stream."""
    return asks_stream(x) and member(asked(x).get("stream_options"), "include_usage") is True


def asked_choices(x: Exchange) -> int:
    """How many choices are due: n, or 1 when it is absent or no count."""
    n = asked(x).get("n")
    return n if is_integer(n) and n > 0 else 1


def asked_bound(x: Exchange) -> int | None:
    """The most completion tokens a choice may have, as the request states it."""
    stated = [asked(x).get(name) for name in ("max_completion_tokens", "max_tokens")]
    return next((bound for bound in stated if is_integer(bound) and bound > 0), None)


def asked_stops(x: Exchange) -> list[str]:
    """The non-empty stop sequences of the request."""
    stop = asked(x).get("stop")
    return [text for text in (stop if isinstance(stop, list) else [stop]) if is_filled(text)]


# --- What came back --------------------------------------------------------------------------------------------


def is_served(x: Exchange) -> bool:
    """A chat call that was answered 200, whole or not."""
    return is_chat(x) and x.head_status == 200


@once
def is_completion(x: Exchange) -> bool:
    """A chat call answered 200 with one whole JSON object."""
    return is_served(x) and x.complete and not x.is_stream and isinstance(x.json, dict)


@once
def is_chunked(x: Exchange) -> bool:
    """A chat call that asked for a stream and was answered 200 with one, whatever its Content-Type says.

    An answer that is one JSON document is no stream, and a compressed one cannot be read as it arrives.
    """
    return (
        asks_stream(x)
        and is_served(x)
        and (x.header("content-encoding") or "identity") == "identity"
        and x.json is None
    )


@once
def is_finished(x: Exchange) -> bool:
    """A stream that was read to its end and did not report an error on the way."""
    return is_chunked(x) and x.complete and not stream_errors(x)


@once
def stream_errors(x: Exchange) -> list[dict[str, Any]]:
    """The error frames of a stream: what a server sends when it fails after the first byte."""
    return [document for document in objects(list(x.documents)) if is_error(document)]


@once
def chunks(x: Exchange) -> list[dict[str, Any]]:
    """The JSON objects of a stream in order, error frames left out."""
    return [document for document in objects(list(x.documents)) if not is_error(document)]


def is_error(document: object) -> bool:
    """Whether a frame of a stream is an error, in any envelope: error, or a message where chunks have choices."""
    own_words = member(document, "choices") is None and is_filled(member(document, "message"))
    return bool(member(document, "error")) or own_words


def choices(document: object) -> list[dict[str, Any]]:
    """The choices of a completion or of a chunk."""
    return objects(member(document, "choices"))


def index_of(choice: Mapping[str, Any]) -> int:
    """The choice's index; 0 when it is absent or no integer."""
    index = choice.get("index")
    return index if is_integer(index) else 0


@once
def parts(x: Exchange) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Every choice of every chunk in order of arrival: its index, its delta, the choice itself."""
    found = [choice for chunk in chunks(x) for choice in choices(chunk)]
    return [(index_of(choice), _object(choice.get("delta")), choice) for choice in found]


@once
def indices(x: Exchange) -> list[int]:
    """The indices of the choices of an answer, streamed or whole, in order of appearance."""
    seen = [index for index, _, _ in parts(x)] if is_chunked(x) else [index_of(row) for row in choices(x.json)]
    return list(dict.fromkeys(seen))


def message(x: Exchange, index: int = 0) -> dict[str, Any]:
    """The message of a choice of a whole answer, empty when it is missing."""
    found = (choice for choice in choices(x.json) if index_of(choice) == index)
    return _object(member(next(found, None), "message"))


def content(x: Exchange, index: int = 0) -> str:
    """The text of a choice: the message's content, or the deltas of a stream joined."""
    if not is_chunked(x):
        text = message(x, index).get("content")
        return text if isinstance(text, str) else ""
    pieces = (delta.get("content") for at, delta, _ in parts(x) if at == index)
    return "".join(piece for piece in pieces if isinstance(piece, str))


@once
def finish_reasons(x: Exchange) -> dict[int, list[Any]]:
    """For each choice index every finish_reason that is not null, in order: one in an answer that is right."""
    rows = [choice for _, _, choice in parts(x)] if is_chunked(x) else choices(x.json)
    found: dict[int, list[Any]] = {index_of(choice): [] for choice in rows}
    for choice in rows:
        if choice.get("finish_reason") is not None:
            found[index_of(choice)].append(choice["finish_reason"])
    return found


def finish_reason(x: Exchange, index: int = 0) -> Any:
    """Why a choice ended: its last finish_reason, or None."""
    return (finish_reasons(x).get(index) or [None])[-1]


def is_cut(x: Exchange, index: int = 0) -> bool:
    """Whether a choice ended before it was complete: what a reasoning model had to say may all be missing."""
    reason = finish_reason(x, index)
    return isinstance(reason, str) and reason in CUT_SHORT


@once
def usage(x: Exchange) -> dict[str, Any] | None:
    """The usage of an answer: the member of a whole one, the last usage object of a stream."""
    documents = chunks(x) if is_chunked(x) else [x.json]
    found = [member(document, "usage") for document in documents]
    return next((row for row in reversed(found) if isinstance(row, dict)), None)


def token_count(x: Exchange, name: str) -> int | None:
    """A count of the answer's usage such as prompt_tokens, None when it is no integer."""
    count = member(usage(x), name)
    return count if is_integer(count) else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
