"""Service levels, such as ttft_p99=500ms: what a load must meet, and which of its requests meet it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

METRICS = ("ttft", "itl", "tpot", "e2e")
ERRORS = "errors"
TREND = "_trend"
_UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9}
_FORM = re.compile(r"(?P<metric>[a-z0-9]+)_p(?P<share>\d+(\.\d+)?)=(?P<value>\d+(\.\d+)?)(?P<unit>us|ms|s)")
_ERRORS = re.compile(r"errors=(?P<value>\d+(\.\d+)?)%")
_TREND = re.compile(
    r"(?:(?P<metric>ttft|itl|e2e)(?:_p(?P<share>50|99))?|(?P<other>errors|in_flight|answered))_trend="
    r"(?P<value>\d+(\.\d+)?)(?P<unit>us|ms|s|%|)/(?P<per>min|h)"
)
_MINUTES = {"min": 1, "h": 60}
EXPECTED = (
    "expected such as ttft_p99=500ms, itl_p99=50ms, tpot_p50=40ms, e2e_p90=10s, errors=1%, "
    "ttft_trend=1ms/min, e2e_p99_trend=50ms/h, errors_trend=0.1%/min, in_flight_trend=2/min or answered_trend=1/min"
)


@dataclass(frozen=True)
class Slo:
    """At most `limit`: nanoseconds of a percentile of a metric, or percent of requests that were not answered.

    A metric that ends in `_trend` is one of harness.load.trends; its limit is in that one's unit, a minute.
    """

    metric: str
    share: float
    limit: float

    @property
    def name(self) -> str:
        return self.metric if self.metric == ERRORS or self.is_trend else f"{self.metric}_p{self.share:g}"

    @property
    def is_trend(self) -> bool:
        return self.metric.endswith(TREND)

    def __str__(self) -> str:
        if self.is_trend:
            unit = "%" if self.metric.startswith(ERRORS) else "ms" if "_p" in self.metric else ""
            return f"{self.name}={self.limit:g}{unit}/min"
        return f"{self.name}={self.limit:g}%" if self.metric == ERRORS else f"{self.name}={self.limit / 1e6:g}ms"


def parse(text: str) -> Slo:
    """Raises ValueError that says what is expected."""
    if found := _ERRORS.fullmatch(text):
        return Slo(ERRORS, 0, float(found["value"]))
    if (found := _TREND.fullmatch(text)) and (level := _trend(found)) is not None:
        return level
    found = _FORM.fullmatch(text)
    if not found or found["metric"] not in METRICS or not 0 < float(found["share"]) <= 100:
        raise ValueError(f"{text!r}: {EXPECTED}")
    return Slo(found["metric"], float(found["share"]), float(found["value"]) * _UNITS[found["unit"]])


def _trend(found: re.Match[str]) -> Slo | None:
    """None where the unit is not that of the metric."""
    per, value, unit = _MINUTES[found["per"]], float(found["value"]), found["unit"]
    if found["other"]:
        expected = "%" if found["other"] == ERRORS else ""
        return Slo(found["other"] + TREND, 0, value / per) if unit == expected else None
    if unit not in _UNITS:
        return None
    return Slo(f"{found['metric']}_p{found['share'] or 50}{TREND}", 0, value * _UNITS[unit] / 1e6 / per)


def is_met_by(slos: Iterable[Slo], worst: Mapping[str, int]) -> bool:
    """Whether one answered request keeps every limit, whatever share of all must; `worst` is its own by metric."""
    return all(worst[slo.metric] <= slo.limit for slo in slos if slo.metric in worst)


def judged(slos: Iterable[Slo], figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each service level with what was measured: met, or not, or None where nothing was measured.

    Latencies count from when a request was due, where it was: a generator or a server that queues is no excuse.
    """
    return [_judged_trend(slo, figures["trends"]) if slo.is_trend else _judged(slo, figures) for slo in slos]


def _judged_trend(slo: Slo, trends: Mapping[str, Any]) -> dict[str, Any]:
    """Met or not where the whole interval says so; one around the limit cannot tell. Throughput may fall so much."""
    name = slo.metric.removesuffix(TREND)
    if (row := trends[name]) is None:
        return {"slo": str(slo), "measured": None, "met": None}
    low, high = (-row["high"], -row["low"]) if name == "answered" else (row["low"], row["high"])
    met = True if high <= slo.limit else False if low > slo.limit else None
    return {"slo": str(slo), "measured": row["slope"], "met": met, "within": [row["low"], row["high"]]}


def _judged(slo: Slo, figures: Mapping[str, Any]) -> dict[str, Any]:
    if slo.metric == ERRORS:
        measured = figures["errors_percent"]
    else:
        table = figures.get(f"{slo.metric}_from_due_ms") or figures.get(f"{slo.metric}_ms")
        measured = table.get(f"p{slo.share:g}") if table else None
    limit = slo.limit if slo.metric == ERRORS else slo.limit / 1e6
    return {"slo": str(slo), "measured": measured, "met": None if measured is None else measured <= limit}
