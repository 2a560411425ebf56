"""How runs of one contract against one target went over time, as charts. Two runs make no trend: three do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import phrases
from reports.charts import Chart, Line

LEAST = 3
TONES = {"fail": "fail", "warn": "warn", "pass": "pass", "error": "error", "not-observed": "soft"}
LATENCIES = {"first token, p99": ("ttft_ms", "p99"), "first token, p50": ("ttft_ms", "p50")}


def of(runs: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Charts of every target and contract with enough runs, in the order of their first run."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in sorted(runs, key=lambda run: str(run["run"]["started"])):
        groups.setdefault((run["target"]["name"], run["contract"]["name"]), []).append(run)
    return [chart for key, found in groups.items() if len(found) >= LEAST for chart in _charts(" by ".join(key), found)]


def _charts(name: str, runs: Sequence[Mapping[str, Any]]) -> list[Chart]:
    tallies = [phrases.tally(run) for run in runs]
    gaps = [outcome for outcome in TONES if outcome != "pass" and any(tally.get(outcome) for tally in tallies)]
    broken = [Line(outcome, tuple(float(t.get(outcome, 0)) for t in tallies), tone=TONES[outcome]) for outcome in gaps]
    passed = Line("pass", tuple(float(tally.get("pass", 0)) for tally in tallies), "right", TONES["pass"])
    made = [_chart(f"Outcomes: {name}", "requirements", [*broken, passed], runs, right="pass")]
    latencies = [Line(label, tuple(_figure(run, *at) for run in runs)) for label, at in LATENCIES.items()]
    if known := [line for line in latencies if any(point is not None for point in line.points)]:
        made.append(_chart(f"Under load: {name}", "ms", known, runs))
    return made


def _chart(title: str, label: str, lines: Sequence[Line], runs: Sequence[Mapping[str, Any]], right: str = "") -> Chart:
    x = tuple(float(number) for number in range(1, len(runs) + 1))
    step = max(len(runs) // 6, 1)  # so many names as there is room for
    named = [(at, str(run["run"]["started"])[5:16].replace("T", " ")) for at, run in zip(x, runs, strict=True)]
    return Chart(title, "run", label, x, tuple(lines), right_label=right, ticks=tuple(named[::step]))


def _figure(run: Mapping[str, Any], table: str, name: str) -> float | None:
    found = ((run.get("load") or {}).get(table) or {}).get(name)
    return float(found) if isinstance(found, int | float) else None
