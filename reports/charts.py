"""Figures of a load as charts: which lines there are and through which points. The page draws them, here is no pixel.

Every chart is made from points of the results; a metric that was not measured has no line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Rows = Sequence[Mapping[str, Any]]
LEAST_SLOTS = 5  # fewer moments show no course of time
METRICS = {
    "ttft": "first token",
    "itl": "between tokens",
    "tpot": "per output token",
    "e2e": "whole answer",
}
SHARES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}


@dataclass(frozen=True)
class Line:
    label: str
    points: tuple[float | None, ...]  # one for each x; None where nothing was measured
    axis: str = "y"  # "y" on the left, "right" on the right
    tone: str = ""  # a colour of the page that has a meaning; else the next that is free


@dataclass(frozen=True)
class Chart:
    """`x` ascends. `log`: the left axis counts in powers of ten."""

    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    lines: tuple[Line, ...]
    right_label: str = ""
    log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()  # places and names on the x axis, where they are not its numbers

    @property
    def data(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def said(self) -> str:
        """The chart in one sentence, for who cannot see it."""
        return f"{self.title}: {', '.join(line.label for line in self.lines)} by {self.x_label}"


def of_load(load: Mapping[str, Any]) -> list[Chart]:
    """All charts that the figures of a load allow, most telling first."""
    made = [*_over_time(_rows(load, "series")), _shares(load), _saturation(_rows(load, "sweep", "steps", "stages"))]
    return [chart for chart in made if chart is not None and len(chart.x) > 1 and chart.lines]


def _rows(load: Mapping[str, Any], *names: str) -> Rows:
    for name in names:
        found = load.get(name)
        found = found.get("steps") if isinstance(found, Mapping) else found
        if isinstance(found, list) and found and all(isinstance(row, Mapping) for row in found):
            return found
    return ()


def _over_time(rows: Rows) -> list[Chart | None]:
    """Latencies, then how much was in flight and how much failed, slot by slot."""
    x = _numbers(rows, "at_s")
    if len(x) < LEAST_SLOTS:
        return []
    latencies: list[Chart | None] = [
        _chart(f"{words.capitalize()}, over the time of the load", "second of the load", "ms", x, rows, names, log=True)
        for words, names in (
            ("time to the first token", {"p50": "ttft_p50_ms", "p99": "ttft_p99_ms"}),
            ("time between tokens", {"p50": "itl_p50_ms", "p99": "itl_p99_ms"}),
        )
    ]
    rates = {"answered a second": "answered_per_s", "failed": "failed"}
    flight = _chart("Concurrency and errors", "second of the load", "requests", x, rows, rates)
    if flight is None or not _told(rows, "in_flight"):
        return [*latencies, flight]
    lines = (*flight.lines, Line("in flight", _column(rows, "in_flight"), "right", "soft"))
    return [*latencies, Chart(flight.title, flight.x_label, "requests", x, lines, right_label="in flight")]


def _chart(
    title: str,
    x_label: str,
    y_label: str,
    x: tuple[float, ...],
    rows: Rows,
    names: Mapping[str, str],
    log: bool = False,
) -> Chart | None:
    lines = tuple(
        Line(label, _column(rows, name, positive=log), tone="fail" if label == "failed" else "")
        for label, name in names.items()
        if _told(rows, name)
    )
    return Chart(title, x_label, y_label, x, lines, log=log) if lines and x else None


def _shares(load: Mapping[str, Any]) -> Chart | None:
    """How slow the slowest are: the whole distribution where it was kept, otherwise its percentiles."""
    cdf = load.get("cdf")
    if isinstance(cdf, Mapping):
        return _distribution(cdf)
    found = {words: table for name, words in METRICS.items() if (table := _percentiles(load, name))}
    present = [share for name, share in SHARES.items() if any(name in table for table in found.values())]
    names = {share: name for name, share in SHARES.items()}
    lines = [Line(words, tuple(table.get(names[s]) for s in present)) for words, table in found.items()]
    return _by_nines(present, lines)


def _by_nines(shares: Sequence[float], lines: Sequence[Line]) -> Chart:
    """Percentiles on an axis that gives each further nine the same room: 50, 90, 99, 99.9."""
    ticks = tuple((_nines(share), f"{share:g}") for share in SHARES.values() if share <= max(shares, default=0))
    x = tuple(_nines(share) for share in shares)
    return Chart("Latency by percentile", "percentile", "ms, at most", x, tuple(lines), log=True, ticks=ticks)


def _nines(share: float) -> float:
    return round(-math.log10(1 - min(share, 99.9999) / 100), 4)


def _percentiles(load: Mapping[str, Any], name: str) -> dict[str, float]:
    table = load.get(f"{name}_ms")
    if not isinstance(table, Mapping):
        return {}
    return {key: float(table[key]) for key in SHARES if _is_positive(table.get(key))}


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and value > 0  # a logarithm has no place for zero


def _distribution(cdf: Mapping[str, Any]) -> Chart | None:
    """`cdf` of results.json: metric -> [[milliseconds, percent of the values that are not above], ...]."""
    tables = {words: [(float(at), float(ms)) for ms, at in cdf[name]] for name, words in METRICS.items() if name in cdf}
    x = tuple(sorted({at for pairs in tables.values() for at, _ in pairs}))
    lines = []
    for words, pairs in tables.items():
        known = dict(pairs)
        lines.append(Line(words, tuple(value if _is_positive(value := known.get(at)) else None for at in x)))
    return _by_nines(x, lines)


def _saturation(rows: Rows) -> Chart | None:
    """What came out for what was put in: where the line bends, the target is full."""
    key = next((name for name in ("rate", "offered_per_s", "users") if _told(rows, name)), None)
    if key is None:
        return None
    ordered = sorted((row for row in rows if _is_number(row.get(key))), key=lambda row: float(row[key]))
    names = {
        "done": "done_per_s",
        "answered": "streams_per_s",
        "within the service levels": "goodput_per_s",
        "failed": "failures",
    }
    label = "users" if key == "users" else "requests offered a second"
    return _chart("Saturation", label, "a second", _numbers(ordered, key), ordered, names)


def _numbers(rows: Rows, name: str) -> tuple[float, ...]:
    return tuple(float(row[name]) for row in rows if _is_number(row.get(name)))


def _column(rows: Rows, name: str, *, positive: bool = False) -> tuple[float | None, ...]:
    fits = _is_positive if positive else _is_number
    return tuple(float(row[name]) if fits(row.get(name)) else None for row in rows)


def _told(rows: Rows, name: str) -> bool:
    return any(_is_number(row.get(name)) for row in rows)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
