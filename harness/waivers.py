"""Breaches that somebody has accepted for a time. A waiver never hides more than it names, nor longer than it says."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import specs
from harness.model import Finding, Outcome, RequirementRow

FILE = "waivers.yaml"
RED = frozenset({"stale", "expired", "broader", "unknown"})
WAIVABLE = frozenset({Outcome.FAIL, Outcome.WARN})


@dataclass(frozen=True)
class Waiver:
    """One entry of waivers.yaml."""

    requirement: str
    signatures: tuple[str, ...]
    owner: str
    reason: str
    expires: datetime.date
    link: str
    target: str | None = None
    contract: str | None = None

    def concerns(self, contract: str, target: str) -> bool:
        return self.contract in (None, contract) and self.target in (None, target)

    def to_json(self) -> dict[str, Any]:
        found = {**self.__dict__, "signatures": list(self.signatures), "expires": self.expires.isoformat()}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class State:
    """What became of a waiver: `name` is one of results.schema.json."""

    waiver: Waiver
    name: str
    said: str

    @property
    def is_red(self) -> bool:
        return self.name in RED

    def to_json(self) -> dict[str, Any]:
        return {**self.waiver.to_json(), "state": self.name, "red": self.is_red, "said": self.said}


def load(path: Path) -> tuple[Waiver, ...]:
    """The waivers of a file. Raises SpecError naming file, key and what was expected."""
    return tuple(_waiver(row, path) for row in specs.waivers(path))


def apply(
    rows: Iterable[RequirementRow], waivers: Iterable[Waiver], today: datetime.date
) -> tuple[list[RequirementRow], list[State]]:
    """The rows with what is waived taken out of what fails, and what became of each waiver."""
    by_id = {row.id: row for row in rows}
    states = [_state(waiver, by_id.get(waiver.requirement), today) for waiver in waivers]
    holding = [state.waiver for state in states if state.name in {"applied", "partial", "broader"}]
    return [_waived(row, [w for w in holding if w.requirement == row.id]) for row in by_id.values()], states


def _state(waiver: Waiver, row: RequirementRow | None, today: datetime.date) -> State:
    if row is None:
        return State(waiver, "unknown", f"the contract has no requirement {waiver.requirement}")
    if today > waiver.expires:
        return State(waiver, "expired", f"it ended on {waiver.expires}: renew it with its owner, or mend the breach")
    if row.outcome in {Outcome.NOT_OBSERVED, Outcome.ERROR} and not row.findings:
        return State(waiver, "unseen", f"{row.id} was not observed, so that nothing can be said of it")
    found, named = {finding.signature for finding in row.findings}, set(waiver.signatures)
    if row.outcome not in WAIVABLE or not found & named:
        return State(waiver, "stale", f"{row.id} no longer fails in this way: take the waiver out")
    if more := sorted(named - found):
        return State(waiver, "broader", f"it also waives {', '.join(more)}, which nothing shows: take that out")
    if found - named:
        return State(waiver, "partial", f"{row.id} also fails in ways that it does not name")
    return State(waiver, "applied", f"{row.id} fails as it says, and that is accepted until {waiver.expires}")


def _waived(row: RequirementRow, waivers: list[Waiver]) -> RequirementRow:
    """The row, waived only where every finding is."""
    if not waivers or not row.findings:
        return row
    named = {signature for waiver in waivers for signature in waiver.signatures}
    if left := _kinds(finding for finding in row.findings if finding.signature not in named):
        return replace(row, reason=f"waived in part: {left} other kinds of finding are not")
    first = waivers[0]
    said = f"waived until {min(w.expires for w in waivers)} by {first.owner}: {first.reason} ({first.link})"
    return replace(row, outcome=Outcome.WAIVED, reason=said)


def _kinds(findings: Iterable[Finding]) -> int:
    return len({finding.signature for finding in findings})


def _waiver(row: Mapping[str, Any], path: Path) -> Waiver:
    try:
        expires = datetime.date.fromisoformat(row["expires"])
    except ValueError as error:
        raise specs.SpecError(f"{path}: {row['requirement']}: expires: {error}") from error
    return Waiver(**{**row, "expires": expires, "signatures": tuple(row["signatures"])})
