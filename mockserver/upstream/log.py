"""What the provider was asked, as it is read through the control API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KEPT_CALLS = 20_000


@dataclass(slots=True)
class CallRecord:
    """One row of the provider's log. `outcome`: running, completed, aborted, failed or dropped."""

    n: int
    request_id: str
    account: str
    model: str
    body: dict[str, Any]
    started: float
    usage: dict[str, int] | None = None
    chunks: int = 0
    outcome: str = "running"
    ended: float | None = None
    fault: str | None = None  # that was scripted for it
