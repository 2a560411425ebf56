"""Service levels, such as ttft_p99=500ms: what a load must meet, and which of its requests meet it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

METRICS = ("ttft", "itl", "tpot", "e2e")
ERRORS = "errors"
_UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9}
_FORM = re.compile(r"(?P<metric>[a-z0-9]+)_p(?P<share>\d+(\.\d+)?)=(?P<value>\d+(\.\d+)?)(?P<unit>us|ms|s)")
_ERRORS = re.compile(r"errors=(?P<value>\d+(\.\d+)?)%")
EXPECTED = "expected such as ttft_p99=500ms, itl_p99=50ms, tpot_p50=40ms, e2e_p90=10s or errors=1%"


@dataclass(frozen=True)
class Slo:
    """At most `limit`: nanoseconds of a percentile of a metric, or percent of requests that were not answered."""

    metric: str
    share: float
    limit: float

    @property
    def name(self) -> str:
        return ERRORS if self.metric == ERRORS else f"{self.metric}_p{self.share:g}"

    def __str__(self) -> str:
        return f"{self.name}={self.limit:g}%" if self.metric == ERRORS else f"{self.name}={self.limit / 1e6:g}ms"


def parse(text: str) -> Slo:
    """Raises ValueError that says what is expected."""
    if found := _ERRORS.fullmatch(text):
        return Slo(ERRORS, 0, float(found["value"]))
    found = _FORM.fullmatch(text)
    if not found or found["metric"] not in METRICS or not 0 < float(found["share"]) <= 100:
        raise ValueError(f"{text!r}: {EXPECTED}")
    return Slo(found["metric"], float(found["share"]), float(found["value"]) * _UNITS[found["unit"]])


def is_met_by(slos: Iterable[Slo], worst: Mapping[str, int]) -> bool:
    """Whether one answered request keeps every limit, whatever share of all must; `worst` is its own by metric."""
    return all(worst[slo.metric] <= slo.limit for slo in slos if slo.metric in worst)


def judged(slos: Iterable[Slo], figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each service level with what was measured: met, or not, or None where nothing was measured.

    Latencies count from when a request was due, where it was: a generator or a server that queues is no excuse.
    """
    return [_judged(slo, figures) for slo in slos]


def _judged(slo: Slo, figures: Mapping[str, Any]) -> dict[str, Any]:
    if slo.metric == ERRORS:
        measured = figures["errors_percent"]
    else:
        table = figures.get(f"{slo.metric}_from_due_ms") or figures.get(f"{slo.metric}_ms")
        measured = table.get(f"p{slo.share:g}") if table else None
    limit = slo.limit if slo.metric == ERRORS else slo.limit / 1e6
    return {"slo": str(slo), "measured": measured, "met": None if measured is None else measured <= limit}
