"""GET /usage: what was served and charged, by time, model, tier and metro. Sums are the ledger's own charges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from mockserver.behaviours.routes import json_reply
from mockserver.ledger import NANO
from mockserver.services.members import Members, checked, one_of, optional, refuse
from mockserver.wire import number

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.ledger import Charge
    from mockserver.services.spark.served import Request, Served

STEPS = ("hour", "day", "month")
MOST_DAYS = 366


class Range(NamedTuple):
    """Days in UTC, both included."""

    first: date
    last: date
    step: str


@dataclass
class Sum:
    """Of one step, model, tier and metro; money in nano-USD."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0


def day(call: Call, where: str, value: Any) -> None:
    try:
        right = len(value) == len("2026-01-31") and bool(date.fromisoformat(value))
    except ValueError:
        right = False
    if not right:
        refuse(call, where, "a day such as 2026-01-31")


QUERY: Members = {"from": optional(day), "to": optional(day), "granularity": optional(one_of(STEPS), "day")}


async def usage(call: Call) -> Reply:
    spark = call.gateway.spark
    asked = spark.range_of(call)
    sums: dict[tuple[datetime, str, str, str], Sum] = {}
    for request in spark.served(call, asked):
        charge = spark.charge_of(call, request)
        if charge is not None:
            at = spark.step_of(datetime.fromtimestamp(request.at, UTC), asked.step)
            key = (at, request.model, request.tier, request.metro)
            spark.add(sums.setdefault(key, Sum()), charge)
    series = [spark.usage_row(*key, found) for key, found in sorted(sums.items())]
    days = {"from": asked.first.isoformat(), "to": asked.last.isoformat()}
    return json_reply(call, {**days, "granularity": asked.step, "series": series})


def range_of(call: Call) -> Range:
    """The days of the query; today where it says nothing. Raises the refusal for days that cannot be."""
    given = checked(call, dict(parse_qsl(call.query, keep_blank_values=True)), QUERY)
    today = call.state.clock.instant().date()
    last = date.fromisoformat(given["to"]) if given["to"] else today
    first = date.fromisoformat(given["from"]) if given["from"] else min(today, last)
    if not timedelta(0) <= last - first <= timedelta(days=MOST_DAYS):
        refuse(call, "from", f"a day that is not after 'to', and at most {MOST_DAYS} days before it")
    return Range(first, last, given["granularity"])


def served(call: Call, asked: Range) -> list[Request]:
    part: Served = call.state.parts["spark"]
    start, end = _midnight(asked.first), _midnight(asked.last) + timedelta(days=1)
    return list(part.between(call.gateway.account_of(call), start.timestamp(), end.timestamp()))


def charge_of(call: Call, request: Request) -> Charge | None:
    """What the ledger charged for it; None while it is held, and where it was given back before it began."""
    return call.state.ledger.charge_of(request.request_id, call.gateway.account_of(call))


def step_of(at: datetime, step: str) -> datetime:
    """The beginning of the step that a moment is in."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    return hour if step == "hour" else hour.replace(hour=0, day=1 if step == "month" else hour.day)


def add(to: Sum, charge: Charge) -> None:
    to.input_tokens += charge.prompt_tokens or 0
    to.output_tokens += charge.completion_tokens or 0
    to.cost += charge.nano_usd


def usage_row(at: datetime, model: str, tier: str, metro: str, found: Sum) -> dict[str, Any]:
    return {
        "ts": at.isoformat().replace("+00:00", "Z"),
        "model": model,
        "tier": tier,
        "metro": metro,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "cost_usd": number(Decimal(found.cost) / NANO, 9),
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
