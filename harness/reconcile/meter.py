"""From exchanges to rows of what was asked, delivered and reported: the wire's side of a bill. It prices nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.judge import catalogue
from harness.judge.billing import delivered_bytes
from harness.judge.calls import is_listing, path
from harness.judge.chat import (
    DONE,
    asked,
    asked_bound,
    asked_choices,
    asks_stream,
    asks_usage,
    chunks,
    is_chat,
    is_chunked,
    is_filled,
    is_integer,
    member,
    stream_errors,
    usage,
)
from harness.reconcile.columns import TOKENS
from harness.reconcile.moments import microseconds
from harness.wire.exchange import Exchange, TargetFault
from specs import Contract

OUTCOMES: Final = ("completed", "fallback", "aborted", "stream-error", "failed", "refused", "lost")
UNSENT: Final = frozenset({"connect", "tls"})
REQUEST_IDS: Final = ("x-request-id", "request-id", "x-litellm-call-id")


@dataclass(frozen=True)
class Call:
    """One request that may have cost something. Times in microseconds of UTC; None: not reported."""

    request_id: str | None
    completion_id: str | None
    started: int
    ended: int
    model: str | None
    status: int | None
    outcome: str  # one of OUTCOMES
    stream: bool
    choices: int
    max_tokens: int | None
    prompt: int | None
    completion: int | None
    cached: int | None
    reasoning: int | None
    parts_prompt: int | None  # the sum over every usage object of the answer, where there are several
    parts_completion: int | None
    bytes: int  # of content that arrived


def metered(exchanges: Iterable[Exchange], contract: Contract | None = None) -> Iterator[Call]:
    """A row for each call of a run that could be charged."""
    return (_call(x, contract) for x in exchanges if _is_billable(x))


def catalogue_of(x: Exchange) -> tuple[int, list[Mapping[str, Any]]] | None:
    """When a model list was read and its rows; None for any other exchange."""
    try:
        return (_moment(x), list(catalogue.rows(x))) if is_listing(x) else None
    except TargetFault:
        return None


def _is_billable(x: Exchange) -> bool:
    where = path(x)
    return x.request.method == "POST" and "/v1/" in where and "/control/" not in where and "role" not in x.intent


def _moment(x: Exchange) -> int:
    return microseconds(x.started)


def _call(x: Exchange, contract: Contract | None) -> Call:
    started = _moment(x)
    try:
        used, several, first = usage(x), _usages(x), _completion_id(x)
        size = delivered_bytes(x) if is_chat(x) and x.head_status == 200 else 0
    except TargetFault:  # a body whose coding cannot be undone
        used, several, first, size = None, [], None, 0
    prompt, completion = _count(used, "prompt_tokens"), _count(used, "completion_tokens")
    return Call(
        request_id=next((value for name in REQUEST_IDS if (value := x.header(name))), None),
        completion_id=first,
        started=started,
        ended=started + x.end_ns // 1000,
        model=model if is_filled(model := asked(x).get("model")) else None,
        status=x.head_status,
        outcome=_outcome(x, contract, reported=prompt is not None and completion is not None),
        stream=asks_stream(x),
        choices=min(asked_choices(x), TOKENS),
        max_tokens=None if (bound := asked_bound(x)) is None else min(bound, TOKENS),
        prompt=prompt,
        completion=completion,
        cached=_count(member(used, "prompt_tokens_details"), "cached_tokens"),
        reasoning=_count(member(used, "completion_tokens_details"), "reasoning_tokens"),
        parts_prompt=_total(several, "prompt_tokens"),
        parts_completion=_total(several, "completion_tokens"),
        bytes=size,
    )


def _outcome(x: Exchange, contract: Contract | None, *, reported: bool) -> str:
    if x.head_status is None:
        return "failed" if x.fault and x.fault.kind in UNSENT else "lost"
    if x.head_status != 200:
        return "failed" if x.head_status >= 500 else "refused"
    if x.fault is not None:
        return "aborted" if x.fault.kind == "aborted" else "fallback"
    if is_chunked(x) and stream_errors(x):
        return "stream-error"
    ended = not is_chunked(x) or any(event.data == DONE for event in x.events)
    due = not asks_stream(x) or asks_usage(x) or bool(contract and contract.trait("stream.usage_always", False))
    return "completed" if ended and (reported or not due) else "fallback"


def _completion_id(x: Exchange) -> str | None:
    documents = chunks(x) if is_chunked(x) else [x.json] if x.head_status is not None else []
    return next((found for document in documents if is_filled(found := member(document, "id"))), None)


def _usages(x: Exchange) -> list[dict[str, Any]]:
    found = [member(chunk, "usage") for chunk in chunks(x)] if is_chunked(x) else []
    return [row for row in found if isinstance(row, dict)]


def _count(used: object, name: str) -> int | None:
    count = member(used, name)
    return count if is_integer(count) and 0 <= count <= TOKENS else None


def _total(several: list[dict[str, Any]], name: str) -> int | None:
    counts = [count for row in several if (count := _count(row, name)) is not None]
    return min(sum(counts), TOKENS) if len(counts) > 1 else None
