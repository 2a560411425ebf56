"""What a run says: outcomes, findings, results. Frozen, no I/O."""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Outcome(enum.StrEnum):
    """What is known of a requirement, worst first."""

    FAIL = "fail"
    ERROR = "error"
    WARN = "warn"
    PASS = "pass"  # noqa: S105 - an outcome, not a password
    NOT_OBSERVED = "not-observed"
    NOT_APPLICABLE = "not-applicable"
    EXCLUDED = "excluded"
    WAIVED = "waived"

    @property
    def badness(self) -> int:
        """0 for the worst."""
        return list(Outcome).index(self)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several outcomes; NOT_OBSERVED when there is none."""
    return min(outcomes, key=lambda outcome: outcome.badness, default=Outcome.NOT_OBSERVED)


class Exit(enum.IntEnum):
    """Exit codes of every command."""

    CONFORMS = 0
    DOES_NOT_CONFORM = 1
    BAD_INVOCATION = 2
    HARNESS_FAULT = 3
    INCOMPLETE = 4


class NotObserved(Exception):
    """The subject of a check was missing: no stream, no evidence endpoint, no control API."""


class Tolerated(Exception):
    """The target departs from the contract in a way the contract's decision tolerates: a warning."""


class Nonconformity(AssertionError):
    """A check found problems. Carries the findings, so that nothing has to be parsed back out of text."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(finding.message for finding in self.findings))


_VARYING = re.compile(r"[0-9a-f]{8,}|\d+(\.\d+)?|x\d{4,}|'[^']{40,}'")


@dataclass(frozen=True)
class Finding:
    """One breach of one requirement, with the exchanges that show it."""

    requirement: str
    message: str
    expected: str | None = None
    observed: str | None = None
    exchanges: tuple[str, ...] = ()
    check: str | None = None
    curl: str | None = None
    assay: str | None = None
    replay: str | None = None

    @property
    def signature(self) -> str:
        """Stable over runs: numbers and ids are taken out of the message before hashing."""
        shape = _VARYING.sub("#", f"{self.requirement}|{self.message}")
        return hashlib.sha256(shape.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class CheckRow:
    """How one check of one requirement ended."""

    id: str
    outcome: Outcome
    reason: str | None = None
    duration_s: float = 0.0


@dataclass(frozen=True)
class RequirementRow:
    """One requirement of the contract with its outcome, whatever it was: nothing is left out of the results."""

    id: str
    outcome: Outcome
    reason: str | None = None
    checks: tuple[CheckRow, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a run adds up to."""

    name: str  # conforms, does-not-conform, incomplete, harness-fault
    exit: Exit


def verdict(rows: Iterable[RequirementRow], levels: Mapping[str, str], *, faults: int = 0) -> Verdict:
    """The verdict over all requirements: a breach outranks a harness fault, which outranks a gap."""
    outcomes = [(row.outcome, levels[row.id]) for row in rows]
    if any(outcome is Outcome.FAIL for outcome, _ in outcomes):
        return Verdict("does-not-conform", Exit.DOES_NOT_CONFORM)
    if faults:
        return Verdict("harness-fault", Exit.HARNESS_FAULT)
    gaps = {Outcome.ERROR, Outcome.NOT_OBSERVED}
    if any(outcome in gaps and level == "MUST" for outcome, level in outcomes):
        return Verdict("incomplete", Exit.INCOMPLETE)
    if all(outcome in gaps | {Outcome.NOT_APPLICABLE, Outcome.EXCLUDED} for outcome, _ in outcomes):
        return Verdict("incomplete", Exit.INCOMPLETE)  # nothing was seen: that is no conformance
    return Verdict("conforms", Exit.CONFORMS)


@dataclass(frozen=True)
class CheckReport:
    """What one pytest item tells the collector: an outcome for each requirement it carries, and its findings."""

    check: str
    requirements: tuple[str, ...]
    outcome: Outcome
    reason: str | None
    duration_s: float
    findings: tuple[Finding, ...] = field(default=())
    harness_fault: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "requirements": list(self.requirements),
            "outcome": self.outcome.value,
            "reason": self.reason,
            "duration_s": self.duration_s,
            "findings": [finding_to_json(finding) for finding in self.findings],
            "harness_fault": self.harness_fault,
        }

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> CheckReport:
        return CheckReport(
            check=row["check"],
            requirements=tuple(row["requirements"]),
            outcome=Outcome(row["outcome"]),
            reason=row["reason"],
            duration_s=row["duration_s"],
            findings=tuple(finding_from_json(finding) for finding in row["findings"]),
            harness_fault=row["harness_fault"],
        )


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """The finding as results.schema.json describes it."""
    return {
        "requirement": finding.requirement,
        "message": finding.message,
        "expected": finding.expected,
        "observed": finding.observed,
        "exchanges": list(finding.exchanges),
        "check": finding.check,
        "signature": finding.signature,
        "reproduce": {"curl": finding.curl, "assay": finding.assay, "replay": finding.replay},
    }


def finding_from_json(row: Mapping[str, Any]) -> Finding:
    return Finding(
        requirement=row["requirement"],
        message=row["message"],
        expected=row["expected"],
        observed=row["observed"],
        exchanges=tuple(row["exchanges"]),
        check=row["check"],
        curl=row["reproduce"]["curl"],
        assay=row["reproduce"]["assay"],
        replay=row["reproduce"].get("replay"),
    )
