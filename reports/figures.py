"""Numbers of a run turned into coordinates for inline SVG. It draws nothing itself and invents no point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PERCENTILES = ("p50", "p90", "p95", "p99", "max")

WORDS = {  # of a distribution, in the order of an answer
    "ttft_ms": "to the first token (TTFT), ms",
    "itl_ms": "between tokens (ITL), ms",
    "tpot_ms": "per output token (TPOT), ms",
    "e2e_ms": "whole answer (E2E), ms",
    "connect_ms": "to connect, ms",
    "generator lag_ms": "our own lateness, ms",
    "calibration ttft_error_ms": "our error of TTFT, measured on a mock, ms",
    "calibration itl_error_ms": "our error of ITL, measured on a mock, ms",
}


@dataclass(frozen=True)
class Point:
    name: str
    value: float
    x: float


@dataclass(frozen=True)
class Range:
    """One distribution: its label and its percentiles, placed from 0 to 100 on a logarithmic axis."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Segment:
    name: str
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class Event:
    """One server-sent event with the pause before it, which is where a stall shows."""

    number: int
    at_ms: float
    gap_ms: float
    x: float
    data: str
    kind: str  # content, finish, usage, done or error: what a reader looks for in a stream


KINDS = ("content", "finish", "usage", "done", "error")
STALL_SHARE = 0.2  # of the whole answer without an event: a pause worth a mark


def segments(counts: Mapping[str, int]) -> list[Segment]:
    """The proportion bar: widths add up to 100."""
    total = sum(counts.values()) or 1
    made, x = [], 0.0
    for name, count in counts.items():
        width = 100 * count / total
        made.append(Segment(name, count, round(x, 3), round(width, 3)))
        x += width
    return made


def timeline(events: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Events as they arrived, placed from 0 to 100 over the time from the request to the last event."""
    last = max((float(event["at_ms"]) for event in events), default=0.0) or 1.0
    made, before = [], 0.0
    for number, event in enumerate(events, start=1):
        at = float(event["at_ms"])
        data = str(event["data"])
        made.append(Event(number, at, at - before, round(100 * at / last, 3), data, kind(data)))
        before = at
    return made


def kind(data: str) -> str:
    """What an event is, told from its text: the text may be cut, and may be no JSON at all."""
    text = data.replace(" ", "")
    if text.removeprefix("data:").startswith("[DONE]"):
        return "done"
    if '"error":{' in text:
        return "error"
    if '"usage":{' in text:
        return "usage"
    return "finish" if '"finish_reason":"' in text else "content"


def stalls(events: Sequence[Event]) -> list[Event]:
    """Events that came after a long silence, the wait for the first one left out."""
    last = events[-1].at_ms if events else 0.0
    return [event for event in events[1:] if event.gap_ms > STALL_SHARE * last]


def ends(events: Sequence[Event], limit: int) -> list[Event]:
    """At most `limit` events, from both ends: how a stream begins and how it closes matter more than its middle."""
    if len(events) <= limit:
        return list(events)
    tail = limit // 2
    return [*events[: limit - tail], *events[len(events) - tail :]]


def ranges(figures: object) -> list[Range]:
    """Every distribution (a mapping that holds p50) anywhere in the figures, on one common axis for each unit name."""
    order = list(WORDS)
    found = [(" ".join(path), points) for path, points in _distributions(figures, ())]
    found.sort(key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    values = [value for _, points in found for value in points.values() if value > 0]
    if not values:
        return []
    low, high = math.log10(min(values)), math.log10(max(values))
    span = (high - low) or 1.0
    return [
        Range(
            WORDS.get(path, path.replace("_", " ")),
            tuple(Point(name, value, _place(value, low, span)) for name, value in points.items()),
        )
        for path, points in found
    ]


def _place(value: float, low: float, span: float) -> float:
    return round(100 * (math.log10(value) - low) / span, 3) if value > 0 else 0.0


def _distributions(node: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    if not isinstance(node, Mapping) or len(path) > 6:
        return
    if isinstance(node.get("p50"), int | float):
        yield path, {name: float(node[name]) for name in PERCENTILES if isinstance(node.get(name), int | float)}
        return
    for key, value in node.items():
        yield from _distributions(value, (*path, str(key)))


def without_ranges(node: object) -> object:
    """The same figures less what `ranges` draws, so that no number is shown twice."""
    if not isinstance(node, Mapping):
        return node
    kept = {key: without_ranges(value) for key, value in node.items() if not _is_range(value)}
    return {key: value for key, value in kept.items() if value != {}}


def _is_range(node: object) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get("p50"), int | float)
