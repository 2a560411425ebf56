"""Figures of a load: distributions, rates, outcomes, and how far the generator itself may be off. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

ANSWERED = "answered"
CUT = "cut by us"


@dataclass(frozen=True)
class Stream:
    """One request in figures. Times in nanoseconds; `started_ns` counts from the start of the load."""

    status: int | None
    fault: str | None
    is_stream: bool
    done: bool
    failed: bool
    started_ns: int
    end_ns: int  # from the request's own start
    connected_ns: int | None  # None on a connection that was kept
    first_ns: int | None
    gaps_ns: Sequence[int]
    outputs: int
    coalesced: int
    tokens: tuple[int, int] | None

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
            return "error in the stream"
        if not self.is_stream:
            return "no stream"
        return ANSWERED if self.done else "no end marker"


def figures(streams: Sequence[Stream], lags_ns: Sequence[int], users: int) -> dict[str, Any]:
    """Everything that was measured. Latencies are those of answered streams: a failure is fast and says nothing."""
    good = [stream for stream in streams if stream.outcome == ANSWERED]
    first = [stream.first_ns for stream in good if stream.first_ns is not None]
    wall_ns = max((s.started_ns + s.end_ns for s in streams), default=0) - min(
        (s.started_ns for s in streams), default=0
    )
    outputs = sum(stream.outputs for stream in good)
    tokens = sum(stream.tokens[1] if stream.tokens else stream.outputs for stream in good)
    return {
        "users": users,
        "requests": len(streams),
        "wall_s": round(wall_ns / 1e9, 3),
        "in_flight_max": most_at_once(streams),
        "outcomes": dict(sorted(Counter(stream.outcome for stream in streams).items())),
        "streams_per_s": rate(len(good), wall_ns),
        "tokens_per_s": rate(tokens, wall_ns),
        "connect_ms": distribution(s.connected_ns for s in good if s.connected_ns is not None),  # a part of the ttft
        "ttft_ms": distribution(first),
        "itl_ms": distribution(gap for stream in good for gap in stream.gaps_ns),
        "e2e_ms": distribution(stream.end_ns for stream in good),
        "usage": usage(streams),
        "generator": {
            "lag_ms": distribution(lags_ns),
            "coalesced": sum(stream.coalesced for stream in good),
            "coalesced_share": round(sum(stream.coalesced for stream in good) / outputs, 4) if outputs else None,
        },
    }


def usage(streams: Iterable[Stream]) -> dict[str, int]:
    """Tokens reported; `unknown` counts requests that may have been charged and say nothing of it."""
    told = [stream.tokens for stream in streams if stream.tokens is not None]
    silent = [s for s in streams if s.tokens is None and s.fault not in {"connect", "tls"} and (s.status or 0) < 400]
    return {
        "prompt_tokens": sum(prompt for prompt, _ in told),
        "completion_tokens": sum(completion for _, completion in told),
        "unknown": len(silent),
    }


def distribution(values_ns: Iterable[int]) -> dict[str, float | int] | None:
    """Percentiles in milliseconds, by nearest rank: each is a value that was measured. None without values."""
    ordered = sorted(values_ns)
    if not ordered:
        return None
    return {
        "count": len(ordered),
        "mean": _ms(sum(ordered) / len(ordered)),
        **{f"p{share}": _ms(percentile(ordered, share)) for share in (50, 90, 99)},
        "max": _ms(ordered[-1]),
    }


def percentile(ordered: Sequence[int], share: int) -> int:
    """The smallest value that at least `share` percent of the (sorted) values do not exceed."""
    return ordered[max(math.ceil(len(ordered) * share / 100), 1) - 1]


def rate(count: int, wall_ns: int) -> float | None:
    return round(count / (wall_ns / 1e9), 2) if wall_ns > 0 else None


def most_at_once(streams: Iterable[Stream]) -> int:
    """The largest number of requests that were in flight at one moment."""
    edges = sorted(edge for s in streams for edge in ((s.started_ns, 1), (s.started_ns + s.end_ns, -1)))
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def _ms(nanoseconds: float) -> float:
    return round(nanoseconds / 1e6, 3)
