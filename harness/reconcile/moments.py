"""Moments as microseconds since 1970 in UTC, and the half-open windows between them. A time without a zone is UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from harness.reconcile.fault import BadInput

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(text: str) -> int:
    """RFC 3339, or a date alone, as microseconds since 1970. Raises BadInput."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no time; expected one such as 2026-11-21T00:00:00Z") from error
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def shown(at: int | None) -> str | None:
    """RFC 3339 in UTC; None for what has no time, or one that no calendar has."""
    try:
        return None if at is None else (_EPOCH + at * _MICROSECOND).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None


@dataclass(frozen=True)
class Window:
    """From a moment up to another, which is not part of it."""

    since: int
    until: int

    @classmethod
    def of(cls, text: str) -> Window:
        """`FROM..TO`. Raises BadInput."""
        first, dots, last = text.partition("..")
        if not dots:
            raise BadInput(f"--window: expected FROM..TO, got {text!r}")
        made = cls(microseconds(first), microseconds(last))
        if made.since >= made.until:
            raise BadInput(f"--window: {first} is not before {last}")
        return made

    def __str__(self) -> str:
        return f"{shown(self.since)}..{shown(self.until)}"
