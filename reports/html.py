"""results.json as one self-contained HTML page. It shows evidence cut to size and says where it was cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reports import figures, page, phrases, waived

GROUPS_SHOWN = 25
EXCHANGES_SHOWN = 300
BODY_LIMIT = 6000
EVENTS_SHOWN = 60


@dataclass
class Evidence:
    """Which exchange was shown where: each is printed once, at the first finding that needs it."""

    exchanges: Mapping[str, Mapping[str, Any]]
    shown: dict[str, str] = field(default_factory=dict)

    def claim(self, identifier: str, place: str) -> str:
        """What to print at this place: "here" once, then "elsewhere"; "missing" and "dropped" when nothing can be."""
        if identifier in self.shown:
            return "elsewhere"
        if identifier not in self.exchanges:
            return "missing"
        if len(self.shown) >= EXCHANGES_SHOWN:
            return "dropped"
        self.shown[identifier] = place
        return "here"


def render(results: Mapping[str, Any]) -> str:
    """The page. The same results always give the same bytes."""
    rows = phrases.worst_first(results["requirements"])
    counts = phrases.tally(results)
    return page.fill(
        "report.html.j2",
        results=results,
        rows=rows,
        broken=[row for row in rows if row["outcome"] == "fail"],
        counts=counts,
        segments=figures.segments(counts),
        suites=sorted({name for row in rows for name in phrases.suites(row)}),
        evidence=Evidence(results.get("exchanges") or {}),
        percentiles=figures.PERCENTILES,
        timeline=figures.timeline,
        ends=figures.ends,
        ranges=figures.ranges,
        without_ranges=figures.without_ranges,
        waivers=waived.rows(results),
        waiver_head=waived.HEAD,
        limits={"groups": GROUPS_SHOWN, "body": BODY_LIMIT, "events": EVENTS_SHOWN},
    )
