"""Judges of the rate-limit headers. How the window works (fixed, sliding, bucket) is not promised and not judged."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

from harness.judge import Problem, Problems, rule
from harness.judge.calls import is_api_call
from harness.wire.exchange import Exchange
from specs import Contract

UNIX_SECONDS = range(1_000_000_000, 10_000_000_000)  # neither a duration nor milliseconds
WINDOW_S = 60
SKEW_S = 2


def number(x: Exchange, contract: Contract, which: str) -> int | None:
    """The limit, remaining or reset of an answer's headers; None when it is absent or no whole number."""
    value = x.header(contract.trait(f"limits.headers.{which}"))
    return int(value) if value is not None and re.fullmatch(r"[0-9]{1,15}", value.strip()) else None


def seconds_to_reset(x: Exchange, contract: Contract) -> float | None:
    """How far ahead the reset lies, by the server's own Date where it sends one."""
    reset, date = number(x, contract, "reset"), x.header("date")
    if reset is None:
        return None
    try:
        now = parsedate_to_datetime(date) if date else datetime.fromisoformat(x.started)
        return reset - now.timestamp()
    except (ValueError, OverflowError):
        return None


@rule("VT-111", on=is_api_call)
def limit_headers_are_there_and_plausible(x: Exchange, contract: Contract) -> Problems:
    """Each answer has the three headers once, as whole numbers, the remainder within the limit, the reset a time."""
    for which in ("limit", "remaining", "reset"):
        name = contract.trait(f"limits.headers.{which}")
        values = x.header_values(name)
        if len(values) != 1:
            yield Problem(f"{name} is not on the answer exactly once", "1", str(len(values)))
        elif number(x, contract, which) is None:
            yield Problem(f"{name} is not a whole number", "digits", values[0][:80])
    limit, remaining, reset = (number(x, contract, which) for which in ("limit", "remaining", "reset"))
    if limit is not None and limit < 1:
        yield Problem("the limit leaves room for no request", "at least 1", str(limit))
    if limit is not None and remaining is not None and remaining > limit:
        yield Problem("more requests remain than the limit allows", f"at most {limit}", str(remaining))
    if reset is not None and reset not in UNIX_SECONDS:
        yield Problem("the reset is not a time in unix seconds", "unix seconds", str(reset))


@rule("VT-111", on=lambda x: is_api_call(x) and x.head_status == 401)
def refused_key_counts_nothing(x: Exchange, contract: Contract) -> Problems:
    """A 401 has no key to count: all of the limit remains."""
    limit, remaining = (number(x, contract, which) for which in ("limit", "remaining"))
    if limit is not None and remaining is not None and remaining != limit:
        yield Problem("a request without a valid key was counted", str(limit), str(remaining))


@rule("VT-078", on=lambda x: is_api_call(x) and x.head_status == 429)
def exceeded_limit_has_nothing_left(x: Exchange, contract: Contract) -> Problems:
    """A 429 states the limit, and that nothing remains of it."""
    if number(x, contract, "limit") is None:
        yield Problem("a 429 does not state the limit")
    if (remaining := number(x, contract, "remaining")) != 0:
        yield Problem("a 429 does not state that nothing remains", "0", str(remaining))
