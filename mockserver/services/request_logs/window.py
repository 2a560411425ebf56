"""The time that a query asks about: so many minutes up to a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mockserver.services.members import refuse

if TYPE_CHECKING:
    from mockserver.call import Call

PERIODS = (15, 30, 45, 60)  # minutes
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def check_timestamp(call: Call, where: str, value: Any) -> None:
    if not isinstance(value, str) or moment(value) is None:
        refuse(call, where, "an ISO 8601 time such as 2024-01-01T12:00:00Z")


def moment(text: str) -> float | None:
    """Unix seconds of an ISO 8601 time, in UTC where it names no zone; None for anything else."""
    if not _ISO.fullmatch(text):
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def window(until: float, period: int) -> tuple[float, float]:
    """Unix seconds, both ends included. A moment that was given in whole seconds includes the second it names."""
    return until - 60 * period, until
