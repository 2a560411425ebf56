"""Leases of GPUs: what an availability, a lease and a list of them have to hold, and how a lease may change.

Views are defensive: what has the wrong type reads as absent. Moments are UTC and exact to the second.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.judge import Problem, Problems, rule
from harness.judge.calls import path
from harness.judge.chat import is_filled, is_integer, member
from harness.wire.exchange import Exchange
from specs import Contract

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123
ORDER = ("provisioning", "active", "terminating", "terminated")
ENDED = frozenset({"terminating", "terminated"})
STATES = frozenset({*ORDER, "failed"})
PRICES = {
    "on_demand": "on_demand_usd_per_gpu_hour",
    "12_month": "reserved_12mo_usd_per_gpu_hour",
    "36_month": "reserved_36mo_usd_per_gpu_hour",
}


def is_availability(x: Exchange) -> bool:
    return x.head_status == 200 and x.request.method == "GET" and path(x).endswith("/forge/availability")


@rule("VL-041", on=is_availability)
def availability_is_told(x: Exchange, contract: Contract) -> Problems:
    """Metro and GPU type as asked, a count, a moment or null, and three prices that are positive."""
    body = x.json
    for name, value in _query(x).items():
        if name in {"metro", "gpu_type"} and member(body, name) != value:
            yield Problem(f"the availability is of another {name}", value, repr(member(body, name))[:80])
    count = member(body, "available_count")
    if not is_integer(count) or count < 0:
        yield Problem("available_count is no number of GPUs", "an integer of 0 or more", repr(count)[:80])
    again = member(body, "next_available_at")
    if again is not None and moment(again) is None:
        yield Problem("next_available_at is no moment", "a date and time, or null", repr(again)[:80])
    for name in PRICES.values():
        price = amount(member(member(body, "price"), name))
        if price is None or price <= 0:
            yield Problem(f"price.{name} is no price", "a positive number of USD", repr(price))


def _query(x: Exchange) -> dict[str, str]:
    try:
        return {name: values[-1] for name, values in parse_qs(urlsplit(x.request.url).query).items()}
    except ValueError:
        return {}


def off_rates(prices: object, rebates: Mapping[str, str]) -> list[str]:
    """Reserved prices that are not the price on demand less the rebate, to half a cent."""
    usual, wrong = amount(member(prices, PRICES["on_demand"])), []
    for term, rebate in rebates.items():
        found = amount(member(prices, PRICES[term]))
        due = None if usual is None else usual * (1 - Decimal(rebate))
        if found is None or due is None or abs(found - due) > Decimal("0.005"):
            wrong.append(f"{term} costs {found} USD, where {usual} less {Decimal(rebate):.0%} is {due}")
    return wrong


def unlike(row: object, order: Mapping[str, Any]) -> list[str]:
    """What a lease says other than what was ordered, or leaves out."""
    due = {name: order[name] for name in ("metro", "gpu_type", "term") if name in order} | {"gpu_count": order["count"]}
    wrong = [
        f"{name} is {member(row, name)!r}, not {value!r}" for name, value in due.items() if member(row, name) != value
    ]
    wrong += [f"{name} is missing" for name in ("id", "status") if not is_filled(member(row, name))]
    wrong += [f"{name} is no moment" for name in ("starts_at",) if moment(member(row, name)) is None]
    return wrong


def backwards(states: Sequence[str]) -> str | None:
    """The first step of a lease that the states do not allow, or a state that is none."""
    if unknown := [state for state in states if state not in STATES]:
        return f"{unknown[0]!r} is no state of a lease"
    for before, after in itertools.pairwise(states):
        if not _may_follow(before, after):
            return f"{after} follows {before}"
    return None


def _may_follow(before: str, after: str) -> bool:
    if "failed" in (before, after):
        return before == after or before == "provisioning" or (before == "failed" and after in ENDED)
    return ORDER.index(before) <= ORDER.index(after)


def off_term(row: object, months: int | None) -> str | None:
    """How the end of a lease is not that of its term (None: open-ended)."""
    start, end = moment(member(row, "starts_at")), moment(member(row, "ends_at"))
    if months is None:
        return None if member(row, "ends_at") is None else f"it ends at {member(row, 'ends_at')}"
    if start is None or end is None:
        return f"it runs from {member(row, 'starts_at')!r} to {member(row, 'ends_at')!r}"
    whole = start.month - 1 + months
    due = start.replace(year=start.year + whole // 12, month=whole % 12 + 1, day=1)
    days = (end - due).total_seconds() / 86_400 - (start.day - 1)
    return None if abs(days) <= 2 else f"it runs from {start.isoformat()} to {end.isoformat()}"


def near(first: str, second: str) -> str | None:
    """Why the second of two ids can be guessed from the first, or None."""
    if first == second:
        return "two things have one id"
    differs = sum(a != b for a, b in zip(first, second, strict=False)) + abs(len(first) - len(second))
    numbers = [int(digits) for digits in (_last_number(first), _last_number(second)) if digits]
    if len(numbers) == 2 and abs(numbers[0] - numbers[1]) <= 1000 and differs <= 4:
        return f"{second} counts on from {first}"
    return f"{first} and {second} differ in {differs} characters" if differs < 8 else None


def _last_number(text: str) -> str:
    found = re.findall(r"[0-9]+", text)
    return found[-1][:30] if found else ""


def moment(value: object) -> datetime | None:
    """A date and time with its offset, of a century in which leases are, or None."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        told = found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
    return told if told is not None and 1970 <= told.year < 2200 else None


def amount(value: object) -> Decimal | None:
    """A JSON number of a size that prices have."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value) if abs(Decimal(value).adjusted()) <= 12 else None


def ids(rows: Iterable[object]) -> list[str]:
    return [str(member(row, "id")) for row in rows]
