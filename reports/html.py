"""results.json as one self-contained HTML file of several pages. It shows evidence cut to size and says where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports import areas, chain, charts, figures, findings, fuzzing, page, phrases, reconciliation, waived

GROUPS_SHOWN = 25
EXCHANGES_SHOWN = 300
BODY_LIMIT = 6000
LOSSES_SHOWN = 60
EVENTS_SHOWN = 60
SERIES = ("series", "cdf", "sweep", "steps")  # drawn as charts


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
    loads = _loads(results.get("load") or {})
    return page.fill(
        "report.html.j2",
        charts=[chart for _, _, drawn in loads for chart in drawn],
        loads=loads,
        results=results,
        rows=rows,
        broken=findings.breaches(rows),
        areas=areas.of(rows),
        counts=counts,
        segments=figures.segments(counts),
        suites=sorted({name for row in rows for name in phrases.suites(row)}),
        evidence=Evidence(results.get("exchanges") or {}),
        views=_views(results, rows),
        chain=chain.links(results.get("attestation") or {}),
        chain_states=chain.STATES,
        glossary=chain.WORDS,
        percentiles=figures.PERCENTILES,
        timeline=figures.timeline,
        stalls=figures.stalls,
        ends=figures.ends,
        ranges=figures.ranges,
        without_ranges=figures.without_ranges,
        waivers=waived.rows(results),
        accepted=waived.holding(results),
        waiver_head=waived.HEAD,
        stated={row["id"] for row in rows},
        without_series=without_series,
        limits={"groups": GROUPS_SHOWN, "body": BODY_LIMIT, "events": EVENTS_SHOWN, "losses": LOSSES_SHOWN},
        **_bill(results.get("billing") or {}),
        **_fuzz(results, rows),
    )


def _views(results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int | None]]:
    """Name, title and a count of each page of the file; what the run has nothing of has no page."""
    optional = [("attestation", "Attestation"), ("billing", "The bill"), ("load", "Under load"), ("fuzz", "Fuzzing")]
    there = [("bill" if key == "billing" else key, title, None) for key, title in optional if results.get(key)]
    operations = [("operations", "Operations", None)] if fuzzing.matrix(results) else []
    return [("summary", "Summary", None), ("requirements", "Requirements", len(rows)), *there, *operations]


def _loads(load: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], list[charts.Chart]]]:
    """The loads of a run with what they are called: one where there was only one."""
    many = load.get("many")
    if not isinstance(many, Mapping):
        return [("", load, charts.of_load(load))] if load else []
    first = {key: value for key, value in load.items() if key != "many"}
    named = [("A few at once", first), ("Many at once, of two accounts", many)]
    return [(name, found, charts.of_load(found)) for name, found in named if found]


def _bill(found: Mapping[str, Any]) -> dict[str, Any]:
    """A file of version 1.0 holds only a summary of the reconciliation, which has no steps."""
    if "totals" not in found:
        return {"steps": None}
    return reconciliation.parts(found)


def _fuzz(results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = results.get("fuzz") or {}
    return {
        "reached": fuzzing.matrix(results),
        "fuzzed": fuzzing.matrix(results, fuzzing.answers(found)) if found else None,
        "cases": fuzzing.cases(found),
        "failures": fuzzing.failures(rows),
    }


def without_series(load: Mapping[str, Any]) -> dict[str, Any]:
    """The figures less those that are drawn point by point."""
    return {key: value for key, value in load.items() if key not in SERIES}
