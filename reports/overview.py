"""Several runs beside each other as one HTML matrix. What a run does not have stays blank, and is never a pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reports import figures, page, phrases, trends


def render(runs: Sequence[Mapping[str, Any]], links: Sequence[str | None] = ()) -> str:
    """One column a run, in the order given; one row a requirement of any, worst first. `links`: each report."""
    columns = [_column(run) for run in runs]
    for column, label, link in zip(columns, _labels(runs), links or [None] * len(runs), strict=True):
        column |= {"label": label, "link": link}
    return page.fill("overview.html.j2", charts=trends.of(runs), runs=columns, rows=_rows(runs))


def _labels(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What tells the columns apart: the target, or the contract where one target was judged by several."""
    targets, contracts = ([run[key]["name"] for run in runs] for key in ("target", "contract"))
    if len(set(targets)) == len(runs):
        return targets
    if len(set(contracts)) == len(runs):
        return contracts
    both = [f"{target} {contract}" for target, contract in zip(targets, contracts, strict=True)]
    if len(set(both)) == len(runs):
        return both
    moments = [phrases.moment(run["run"]["started"]) for run in runs]
    if len(set(both)) == 1:
        return moments
    return [f"{name} {moment}" for name, moment in zip(both, moments, strict=True)]


def _column(run: Mapping[str, Any]) -> dict[str, Any]:
    """What the card above a column says."""
    counts = phrases.tally(run)
    return {
        "name": run["target"]["name"],
        "contract": f"{run['contract']['name']} {run['contract']['version']}",
        "verdict": run["verdict"],
        "words": phrases.verdict(run)[0],
        "test_roots": bool(run["target"].get("test_roots")),
        "started": phrases.moment(run["run"]["started"]),
        "model": run["target"].get("model"),
        "spent": phrases.usd(run["spend"]["usd"]),
        "calls": phrases.number(run["spend"]["calls"]),
        "reached": phrases.reached(run),
        "segments": figures.segments(counts),
        "counts": counts,
    }


def _rows(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    tables = [{row["id"]: row for row in run["requirements"]} for run in runs]
    contracts = [run["contract"]["name"] for run in runs]
    made = []
    for identifier in sorted({identifier for table in tables for identifier in table}):
        cells = [table.get(identifier) for table in tables]
        outcomes = [cell["outcome"] if cell else None for cell in cells]
        first = next(cell for cell in cells if cell)
        made.append(
            {
                "id": identifier,
                "level": first["level"],
                "title": first["title"],
                "effect": first["effect"],
                "outcomes": outcomes,
                "reasons": [str(cell.get("reason") or "") if cell else "not in this run" for cell in cells],
                "differs": _differs(outcomes, contracts),
                "worst": _worst(outcomes),
            }
        )
    return sorted(made, key=lambda row: phrases.badness(str(row["worst"])))


def _differs(outcomes: Sequence[str | None], contracts: Sequence[str]) -> bool:
    """What one contract has and another has not is no difference between deployments; within one contract it is."""
    of = {name: {o for o, contract in zip(outcomes, contracts, strict=True) if contract == name} for name in contracts}
    seen = set(outcomes) - {None}
    return len(seen) > 1 or any(len(own) > 1 for own in of.values())


def _worst(outcomes: Iterable[str | None]) -> str:
    return min((outcome for outcome in outcomes if outcome), key=phrases.badness)
