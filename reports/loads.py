"""What `assay load` leaves, as a page: one load from its load.json, or a sweep from its sweep.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import charts, figures, html, page, phrases

VERDICTS = {  # by the exit code of the load
    0: ("conforms", "All held"),
    1: ("does-not-conform", "Not all held"),
    3: ("harness-fault", "Harness fault"),
    4: ("incomplete", "Not all measured"),
}


def render(found: Mapping[str, Any]) -> str:
    """The page. A load measured nothing of what it does not name."""
    return page.fill(
        "loaded.html.j2",
        charts=charts.of_load(found),
        found=found,
        percentiles=figures.PERCENTILES,
        ranges=figures.ranges,
        without_ranges=figures.without_ranges,
        shown=shown(found),
        limits={"body": html.BODY_LIMIT},
    )


def row(found: Mapping[str, Any]) -> dict[str, Any]:
    """A load as a line among others; what older files do not name is left out."""
    tone, words = VERDICTS.get(found.get("exit_code", -1), ("", "not judged"))
    levels = found.get("slos") or ()
    return {
        "tone": tone,
        "words": words,
        "what": _what(found),
        "answered": found.get("streams_per_s"),
        "first_ms": (found.get("ttft_ms") or {}).get("p99"),
        "levels": f"{sum(level['met'] is True for level in levels)} of {len(levels)}" if levels else "",
        "target": found.get("target", ""),
        "started": phrases.moment(found["started"]) if found.get("started") else "",
    }


def _what(found: Mapping[str, Any]) -> str:
    if steps := found.get("steps"):
        return f"{len(steps)} rates, {steps[0]['rate']:g} to {steps[-1]['rate']:g} a second"
    asked = f"{found.get('requests', 0)} requests"
    return f"{asked}, {found['users']} users" if found.get("users") else f"{asked}, open loop"


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that are told in words and tables: not those that are drawn, nor the generator's own counts."""
    return {key: value for key, value in html.without_series(found).items() if key != "tally"}
