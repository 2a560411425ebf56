"""One request of a load in figures: when it was due, sent, answered and over, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ANSWERED = "answered"
CUT = "cut by us"


@dataclass(slots=True)  # not frozen: making one would take four times as long
class Stream:
    """Times in nanoseconds; `started_ns` counts from the start of the load, the others from the request's own start."""

    status: int | None
    fault: str | None
    is_stream: bool
    done: bool
    failed: bool
    started_ns: int
    end_ns: int
    connected_ns: int | None  # None on a connection that was kept
    first_ns: int | None
    gaps_ns: Sequence[int]
    outputs: int
    coalesced: int
    tokens: tuple[int, int] | None
    due_ns: int | None = None  # from the start of the load; None in a closed loop, where nothing is due
    number: int = 0
    turn: int = 0
    model: str = ""
    key: str = ""
    asked_stream: bool = True
    request_id: str = ""
    answer_id: str = ""
    at: str = ""  # when it was sent, UTC in ISO 8601 to the microsecond
    kept: bool = False  # it went out on a connection that was open already

    @property
    def outcome(self) -> str:
        """How the request ended, one of a short list."""
        if self.fault == "aborted":
            return CUT
        if self.status is None:
            return f"no answer: {self.fault or 'protocol'}"
        if self.status != 200:
            return f"status {self.status}"
        if self.fault is not None:
            return f"broken: {self.fault}"
        if self.failed:
            return "error in the stream" if self.is_stream else "error in the answer"
        if not self.asked_stream:
            return ANSWERED if self.done else "no answer that can be read"
        if not self.is_stream:
            return "no stream"
        return ANSWERED if self.done else "no end marker"

    @property
    def queued_ns(self) -> int:
        """How long after it was due the request was sent: our own lateness, or a server that kept all connections."""
        return 0 if self.due_ns is None else max(self.started_ns - self.due_ns, 0)

    def durations(self) -> dict[str, Sequence[int]]:
        """What an answered request measures, by metric. Those `from_due` count from when it was due."""
        found: dict[str, Sequence[int]] = {"e2e": (self.end_ns,), "itl": self.gaps_ns}
        if self.first_ns is not None:
            found["ttft"] = (self.first_ns,)
            if self.outputs > 1:
                found["tpot"] = (sum(self.gaps_ns) // (self.outputs - 1),)
        if self.connected_ns is not None:
            found["connect"] = (self.connected_ns,)
        if self.due_ns is not None:
            late = self.queued_ns
            found["queue"], found["e2e_from_due"] = (late,), (self.end_ns + late,)
            if self.first_ns is not None:
                found["ttft_from_due"] = (self.first_ns + late,)
        return found
