"""What moves while a load goes on: latencies, failures, throughput, requests in flight, and our own memory. Pure.

A leak is slow: a percentile of the whole load hardly knows it, the slope over the time of the load does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.load.slopes import Line, line
from harness.load.tally import Slot, Tally

LATENCIES = ("ttft", "itl", "e2e")
SHARES = {50.0: 1, 99.0: 100}  # percentiles, and the least values of a stretch that have one
UNITS = {
    **{f"{metric}_p{share:g}": "ms" for metric in LATENCIES for share in SHARES},
    "errors": "%",
    "answered": "/s",
    "in_flight": "",
    "memory": "MB",
}
Point = tuple[float, float]
Reading = Callable[[Slot], float | None]


def trends(tally: Tally, steady_from_s: float = 0.0) -> dict[str, Any]:
    """By name: the slope a minute with its 95 percent interval, where the line starts and ends, and a sentence.

    Only whole stretches count, from when the load is at its height until its end. None where they are too few.
    """
    whole = tally.total().durations
    found = {}
    for metric in LATENCIES:
        named = f"{metric}_from_due" if f"{metric}_from_due" in whole else metric
        for share, least in SHARES.items():
            found[f"{metric}_p{share:g}"] = _row(
                f"{metric}_p{share:g}", _points(tally, steady_from_s, _at(named, share, least))
            )
    slowest = whole["e2e"].percentile(90) if "e2e" in whole else None
    full_s = max(steady_from_s, tally.warm_up_ns / 1e9) + (slowest or 0) / 1e9  # before it, the first are not over
    found["errors"] = _row("errors", _points(tally, steady_from_s, _errors))
    found["answered"] = _row(
        "answered", _points(tally, full_s, lambda slot: slot.counts["ended"] / tally.slot_ns * 1e9)
    )
    found["in_flight"] = _row("in_flight", _points(tally, full_s, _gauge("in_flight")))
    found["memory"] = _row("memory", _points(tally, steady_from_s, _gauge("memory_mb")))
    return found


def table(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same as rows of a table, those that are known."""
    return [{"name": name, **row} for name, row in found.items() if row is not None]


def _points(tally: Tally, from_s: float, reading: Reading) -> list[Point]:
    """Minute of the middle and reading of each whole stretch, in order of time."""
    begin, end = max(tally.warm_up_ns, round(from_s * 1e9)), min(tally.last_ns, tally.end_ns)
    read = []
    for number, slot in sorted(tally.slots.items()):
        starts = number * tally.slot_ns
        if starts >= begin and starts + tally.slot_ns <= end + 1 and (value := reading(slot)) is not None:
            read.append(((starts + tally.slot_ns / 2) / 60e9, value))
    return read


def _at(metric: str, share: float, least: int) -> Reading:
    def reading(slot: Slot) -> float | None:
        found = slot.durations.get(metric)
        if found is None or found.count < least or (value := found.percentile(share)) is None:
            return None
        return value / 1e6

    return reading


def _errors(slot: Slot) -> float | None:
    meant = slot.counts["requests"] - slot.counts["outcome cut by us"]
    return 100 * (meant - slot.counts["answered"]) / meant if meant else None


def _gauge(name: str) -> Reading:
    return lambda slot: slot.gauge(name) if any(found.split(" ")[0] == name for found in slot.gauges) else None


def _row(name: str, points: Iterable[Point]) -> dict[str, Any] | None:
    if (found := line(list(points))) is None:
        return None
    return {
        "unit": f"{UNITS[name]}/min",
        **{part: _short(getattr(found, part)) for part in ("slope", "low", "high", "start", "end")},
        "points": found.points,
        "said": _said(name, found),
    }


def _said(name: str, found: Line) -> str:
    words, unit = name.replace("_", " "), {"": "", "/s": "/s", "%": " points"}.get(UNITS[name], f" {UNITS[name]}")
    if found.low <= 0 <= found.high:
        return (
            f"{words}: no trend to be told from chance (95 %: {_text(found.low)} to {_text(found.high)}{unit} a minute)"
        )
    low, high = sorted((abs(found.low), abs(found.high)))
    verb = "grows" if found.slope > 0 else "falls"
    return f"{words} {verb} by {_text(abs(found.slope))}{unit} a minute (95 %: {_text(low)} to {_text(high)})"


def _text(value: float) -> str:
    return f"{_short(value):g}"


def _short(value: float) -> float:
    """To four digits: a slope of a long load is far below a thousandth."""
    return float(f"{value:.4g}")
