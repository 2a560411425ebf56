"""From what the engine counted to the document of a reconciliation. Pure; money is whole nano-USD throughout.

difference = charged - due = explained + unexplained + tolerated, over every id that could be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness import __version__
from harness.model import Exit
from harness.reconcile.moments import shown
from harness.reconcile.ranking import Finding, Group, ranked

SCHEMA_VERSION: Final = "1.0"
Row = Mapping[str, Any]
VERDICTS: Final = {
    "reconciles": Exit.CONFORMS,
    "differs": Exit.DOES_NOT_CONFORM,
    "vacuous": Exit.DOES_NOT_CONFORM,
    "incomplete": Exit.INCOMPLETE,
}


@dataclass(frozen=True)
class Facts:
    """Rows of the engine's queries: groups of odd ids, the totals of all others, and some single rows."""

    groups: Sequence[Row]
    plain: Sequence[Row]
    missing: Sequence[Row]
    unknown: Sequence[Row]
    shifts: Sequence[Row]

    def odd(self, **wanted: object) -> list[Row]:
        return [row for row in self.groups if all(row[name] == value for name, value in wanted.items())]


def document(facts: Facts, inputs: Row) -> dict[str, Any]:
    """The document that specs/schema/reconciliation.schema.json describes."""
    found, unexplained = ranked(
        Group(row["mask"], row["ids"], row["diff"], row["examples"]) for row in facts.odd(differs=True)
    )
    counts, totals = _counts(facts), _totals(facts, found, unexplained)
    verdict = _verdict(counts)
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "assay", "version": __version__},
        "inputs": dict(inputs),
        "verdict": verdict,
        "exit_code": int(VERDICTS[verdict]),
        "totals": totals,
        "counts": counts,
        "outcomes": _outcomes(facts),
        "findings": [_finding(finding) for finding in sorted(found, key=lambda finding: -finding.count)],
        "unexplained": _remainder(unexplained),
        "unmatched": {
            "calls": {**_unmatched(facts.odd(state="missing")), "rows": [_row(row) for row in facts.missing]},
            "entries": {**_unmatched(facts.odd(state="unknown")), "rows": [_row(row) for row in facts.unknown]},
        },
        "notices": _notices(facts, counts, totals),
    }


def _sum(rows: Iterable[Row], name: str) -> int:
    return sum(int(row[name] or 0) for row in rows)


def _totals(facts: Facts, found: Iterable[Finding], unexplained: Finding) -> dict[str, int]:
    judged, plain = facts.odd(unjudged=False), _sum(facts.plain, "due")
    return {
        "due_nano": plain + _sum(judged, "due"),
        "charged_nano": plain + _sum(judged, "net"),
        "difference_nano": _sum(judged, "diff"),
        "explained_nano": sum(finding.sum for finding in found),
        "unexplained_nano": unexplained.sum,
        "tolerated_nano": _sum(facts.odd(unjudged=False, differs=False), "diff"),
        "not_judged_nano": _sum(facts.odd(unjudged=True), "net"),
        "left_held_nano": _sum(facts.groups, "held"),
    }


def _counts(facts: Facts) -> dict[str, int]:
    known = [row for row in facts.groups if row["state"] != "unknown"]
    matched = facts.odd(state="matched", unjudged=False)
    plain = _sum(facts.plain, "owing")
    return {
        "calls": _sum(facts.plain, "ids") + _sum(known, "calls"),
        "matched": plain + _sum(matched, "ids"),
        "exact": plain + _sum(matched, "ids") - _sum(matched, "inexact"),
        "tolerated": _sum(facts.odd(unjudged=False, differs=False), "inexact"),
        "differing": _sum(facts.odd(differs=True), "ids"),
        "nothing_due": _sum(facts.plain, "ids") - plain,
        "missing": _sum(facts.odd(state="missing", differs=True), "ids"),
        "unknown": _sum(facts.odd(state="unknown"), "ids"),
        "not_judged": _sum(facts.odd(unjudged=True), "ids"),
        "by_ledger_counts": _sum(facts.groups, "by_told"),
        "seen_again": _sum(facts.groups, "repeated"),
        "charged_again": _sum(known, "recharged"),
        "late": _sum(facts.groups, "late"),
        "left_held": _sum(known, "left_held"),
    }


def _verdict(counts: Mapping[str, int]) -> str:
    if not counts["matched"]:
        return "vacuous"
    if counts["differing"] or counts["left_held"]:
        return "differs"
    return "incomplete" if counts["not_judged"] else "reconciles"


def _outcomes(facts: Facts) -> list[dict[str, Any]]:
    """Each outcome by itself: a difference of failures never hides in the sum of what completed."""
    names = sorted({row["outcome"] for row in (*facts.plain, *facts.groups)})
    return [_outcome(facts, name) for name in names]


def _outcome(facts: Facts, name: str) -> dict[str, Any]:
    plain = [row for row in facts.plain if row["outcome"] == name]
    judged, rest = facts.odd(outcome=name, unjudged=False), facts.odd(outcome=name, unjudged=True)
    return {
        "outcome": name,
        "ids": _sum(plain, "ids") + _sum(judged, "ids") + _sum(rest, "ids"),
        "due_nano": _sum(plain, "due") + _sum(judged, "due"),
        "charged_nano": _sum(plain, "due") + _sum(judged, "net"),
        "difference_nano": _sum(judged, "diff"),
        "not_judged": _sum(rest, "ids"),
        "not_judged_nano": _sum(rest, "net"),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    assert finding.cause is not None
    return {
        "cause": finding.cause.name,
        "says": finding.cause.says,
        "also_consistent_with": sorted(finding.also or ()),
        **_remainder(finding),
    }


def _remainder(finding: Finding) -> dict[str, Any]:
    return {"ids": finding.count, "sum_nano": finding.sum, "examples": [_example(row) for row in finding.examples]}


def _example(row: Row) -> dict[str, Any]:
    return {**row, "at": shown(row["at"])}


def _unmatched(groups: list[Row]) -> dict[str, int]:
    differing = [row for row in groups if row["differs"] or row["unjudged"] or row["state"] == "unknown"]
    return {"ids": _sum(differing, "ids"), "due_nano": _sum(differing, "due"), "charged_nano": _sum(differing, "net")}


def _row(row: Row) -> dict[str, Any]:
    return {
        "request_id": row["id"],
        "outcome": row["outcome"],
        "model": row["model"],
        "account": row["account"],
        "at": shown(row["moment"]),
        "due_nano": row["due"],
        "charged_nano": row["charged"],
    }


def _notices(facts: Facts, counts: Mapping[str, int], totals: Mapping[str, int]) -> list[str]:
    """What a reader should know that is no difference of money, in words."""
    found = {
        "not_judged": "calls could not be judged: no usage was reported, no price is listed, or no answer came",
        "by_ledger_counts": "calls reported no tokens, and were priced by the ledger's own counts",
        "seen_again": "ids were sent more than once; each is owed once",
        "late": "charges are further from their request than the limit for late ones",
        "left_held": f"requests left money reserved, neither charged nor released: {totals['left_held_nano']} nano-USD",
    }
    made = [f"{counts[name]} {words}" for name, words in found.items() if counts[name]]
    silent = [row for row in facts.odd(state="missing", unjudged=True) if row["outcome"] in INTERRUPTED]
    if silent:
        made.append(f"{_sum(silent, 'ids')} interrupted calls have no entry in the ledger at all")
    return made + [_shifted(row) for row in facts.shifts if 0 < abs(row["quarters"]) <= DAY]


DAY: Final = 24 * 4  # quarters of an hour; no two time zones are further apart
INTERRUPTED: Final = frozenset({"aborted", "fallback", "stream-error"})


def _shifted(row: Row) -> str:
    hours = row["quarters"] / 4
    return f"{row['ids']} of the late ones are about {hours:+,.2f} hours away: consistent with times in another zone"
