"""The figures of a run as named measures with labels: what a monitoring system keeps of results.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PARTS = ("billing", "load", "fuzz")  # of results.json, whose numbers are told by their path
MOST = 500  # numbers of one part


@dataclass(frozen=True)
class Measure:
    """One value; `name` in the style of Prometheus, with its unit at the end."""

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def measures(results: Mapping[str, Any]) -> Iterator[Measure]:
    """Everything of a run that is a number. Amounts are told in USD as floats, for graphs; the bill stays exact."""
    run, spend = results["run"], results["spend"]
    roots = "test" if results["target"].get("test_roots") else "real"
    info = {"verdict": results["verdict"], "profile": run["profile"], "version": results["contract"]["version"]}
    yield Measure("assay_run_info", "What was run; always 1", 1, {**info, "trust_roots": roots})
    yield Measure(
        "assay_run_exit_code", "0 conforms, 1 does not, 3 fault of the harness, 4 incomplete", results["exit_code"]
    )
    finished = datetime.fromisoformat(run["finished"]).timestamp()
    yield Measure("assay_run_finished_timestamp_seconds", "When the run ended, in unix seconds", finished)
    yield Measure("assay_run_duration_seconds", "How long the run took", run["duration_s"])
    yield Measure("assay_run_calls", "Requests sent to the target", spend["calls"])
    yield Measure("assay_run_spend_usd", "What the run cost", float(spend["usd"]))
    counted = Counter((row["outcome"], row["level"]) for row in results["requirements"])
    for (outcome, level), count in sorted(counted.items()):
        yield Measure("assay_requirements", "Requirements by outcome", count, {"outcome": outcome, "level": level})
    for row in results["requirements"]:
        if row["outcome"] in ("fail", "error"):
            yield Measure(
                "assay_requirement_broken", "A requirement that is not kept; 1", 1, {"requirement": row["id"]}
            )
    if covered := results.get("coverage"):
        yield Measure("assay_operations_reached", "Operations with an answer", covered["reached"])
        yield Measure("assay_operations_documented", "Operations of the contract", covered["of"])
    for part in PARTS:
        for n, (path, value) in enumerate(_numbers(results.get(part), ())):
            if n == MOST:
                break
            yield Measure(f"assay_{part}", f"A figure of the {part} part of the run", value, {"figure": ".".join(path)})


def labels_of(results: Mapping[str, Any]) -> dict[str, str]:
    """What all measures of a run carry."""
    return {"contract": results["contract"]["name"], "target": results["target"]["name"]}


def _numbers(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _numbers(value, (*path, str(key)))
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path, float(node)
