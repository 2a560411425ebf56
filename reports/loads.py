"""What `assay load` leaves, as a page: one load from its load.json, or a sweep from its sweep.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import charts, figures, html, page


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


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that are told in words and tables: not those that are drawn, nor the generator's own counts."""
    return {key: value for key, value in html.without_series(found).items() if key != "tally"}
