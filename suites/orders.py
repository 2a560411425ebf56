"""Orders that cost money or bind for years: where they may be made, and how long one waits for what they bring."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote

from harness.asking.ask import OMIT, Ask
from harness.asking.control import Key
from harness.judge import leases
from harness.model import NotObserved
from harness.wire.exchange import Exchange

PATIENCE_S = 2.0  # that something which was ordered may take in a laboratory; then its clock is moved
LEAP_S = 400 * 86_400  # what an order may take at the longest
STEP_S = 0.04
ELSEWHERE: Final[dict[str, str]] = {  # where ids lead that are none
    "dots": "..",
    "a path": "../../etc/passwd",
    "an encoded path": "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "SQL": "' OR '1'='1' --",
    "more SQL": '"; DROP TABLE forge_leases; --',
    "a wildcard": "%",
    "a zero byte": "lease\x00",
    "a line end": "lease\r\nX-Assay: 1",
    "another script": "аренда-ﷺ-𝓁ease",
    "markup": "<script>alert(1)</script>",
    "a template": "{{7*7}}${7*7}",
    "four thousand characters": "a" * 4000,
}


def may_order(ask: Ask) -> None:
    """Raises NotObserved where an order would be a real one."""
    if "control" not in ask.target.capabilities():
        raise NotObserved("an order costs money here: they are made where the target has a control API alone")


def now(ask: Ask) -> datetime:
    """The time that the target goes by: a laboratory's clock may be moved while checks run."""
    if "control" in ask.target.capabilities():
        return datetime.fromisoformat(ask.control.advance(0)).astimezone(UTC)
    return ask.target.now()


def between(ask: Ask, call: Callable[[], Exchange]) -> tuple[Exchange, tuple[datetime, datetime]]:
    """An answer, and the target's time before and after it."""
    first = now(ask)
    answer = call()
    return answer, (min(first, last := now(ask)), max(first, last) + timedelta(seconds=1))


def watched(
    ask: Ask, read: Callable[[], Mapping[str, Any]], done: Callable[[Mapping[str, Any]], bool]
) -> list[Mapping[str, Any]]:
    """Everything that was read until it was done, or until no more can be expected; the last one is how it stands."""
    seen, end = [read()], time.monotonic() + PATIENCE_S
    while not done(seen[-1]) and time.monotonic() < end:
        time.sleep(STEP_S)
        seen.append(read())
    if not done(seen[-1]) and "control" in ask.target.capabilities():
        ask.control.advance(LEAP_S)
        try:
            seen.append(read())
        finally:
            ask.control.set_clock(None)
    return seen


def at(collection: str, thing: str, below: str = "") -> str:
    """The path of one thing; whatever its id holds is one segment."""
    return f"/{collection}/{quote(thing, safe='', errors='replace')}{below}"


def rows(answer: Exchange) -> list[dict[str, Any]]:
    """The rows of a list. Raises what a check may raise for a list that is none."""
    assert answer.status == 200, f"{answer.request.method} {answer.request.url} was answered with {answer.status}"
    return [dict(row) for row in answer.json["data"]]


def hidden(theirs: Exchange, nobodys: Exchange) -> None:
    """What is another tenant's is answered like what nobody has."""
    asked = f"{theirs.request.method} of what another tenant has"
    assert theirs.status == 404, f"{asked} was answered with {theirs.status}"
    assert theirs.status == nobodys.status, f"an id that nobody has is answered with {nobodys.status}"


def unguessable(made: Sequence[Mapping[str, Any]]) -> None:
    """No id of things that were made one after the other lies near the one before."""
    ids = [str(thing["id"]) for thing in made]
    wrong = [why for one, other in pairwise(ids) if (why := leases.near(one, other))]
    assert not wrong, "; ".join(wrong)


def kept_out(metro: str, answer: Exchange, standing: Sequence[Mapping[str, Any]]) -> None:
    """A tenant that keeps out of a metro is refused there, and has nothing there."""
    assert answer.status == 403, f"an order in {metro} was answered with {answer.status}"
    assert metro not in {row["metro"] for row in standing}, f"what a tenant ordered stands in {metro}, which is barred"


def refused(ask: Ask, answer: Exchange) -> bool:
    """Whether a request was refused as invalid."""
    return answer.status in {*ask.contract.trait("errors.invalid_status"), 422}


def body(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not OMIT}


def others_key(ask: Ask) -> str | Key:
    """A key of another tenant. Raises NotObserved."""
    if "second_tenant" not in ask.target.capabilities():
        raise NotObserved("the target names no key of a second tenant")
    return "second_tenant"
