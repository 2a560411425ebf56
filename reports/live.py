"""Pages of the live view: the list of runs with a form that starts one, and a run as it goes. They ask nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reports import loads, page, phrases


def home(
    runs: Sequence[Mapping[str, Any]],
    loaded: Sequence[Mapping[str, Any]] = (),
    *,
    contracts: Sequence[str],
    profiles: Sequence[str],
    at: Callable[..., str],
    refusal: str | None = None,
) -> str:
    """`runs`: name, state, and the results where there are any. `loaded`: name, and what `assay load` found, or the
    state where that cannot be read. `at` makes addresses of pages."""
    rows = [{**run, **(_told(run["results"]) if run["results"] else {})} for run in runs]
    drawn = [{**load, **(loads.row(load["found"]) if load["found"] is not None else {})} for load in loaded]
    return page.fill(
        "runs.html.j2",
        live=True,
        rows=rows,
        loads=drawn,
        contracts=contracts,
        profiles=profiles,
        at=at,
        refusal=refusal,
    )


def _told(results: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "words": phrases.verdict(results)[0],
        "counts": phrases.tally(results),
        "started": phrases.moment(results["run"]["started"]),
        "duration": phrases.seconds(results["run"]["duration_s"]),
    }


def run(name: str, *, ours: bool, at: Callable[..., str]) -> str:
    """`ours`: the run was started here, and can be stopped here."""
    return page.fill("live.html.j2", live=True, name=name, ours=ours, at=at)
