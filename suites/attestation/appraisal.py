"""One answer of the evidence endpoint and everything the judges of attestation say about it. Asks nothing itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.attest.adapters import dstack
from harness.attest.collateral import Trust
from harness.attest.evidence import Evidence
from harness.attest.policy import Policy
from harness.attest.verdict import Problem, Rejected
from harness.attest.verify import Report, verify
from harness.judge.evidence import sent_nonce
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.attestation.grounds import OF_THE_ENGINE, owner


@dataclass(frozen=True)
class Appraisal:
    """`machines` and `reports` are empty where the answer is no evidence that can be read."""

    answer: Exchange
    unread: Problem | None
    machines: tuple[Evidence, ...] = ()
    reports: tuple[Report, ...] = ()

    @property
    def problems(self) -> list[Problem]:
        if self.unread is not None:
            return [self.unread]
        return [problem for report in self.reports for problem in report.problems]

    def of(self, requirement: str) -> list[Problem]:
        """The problems that break this requirement."""
        return [problem for problem in self.problems if owner(problem.code) == requirement]

    def gap(self, requirement: str) -> str | None:
        """Why the requirement cannot be said to hold, although nothing was found that breaks it."""
        if self.unread is not None:
            return f"the evidence cannot be read: {self.unread.code}"
        stopped = [report.quote for report in self.reports if report.quote.engine is None]
        if stopped and requirement in OF_THE_ENGINE:
            return f"the quote was refused before this was looked at: {stopped[0].code}"
        unread = [verdict for verdict in stopped if not verdict.measurements]
        return f"the quote cannot be read: {unread[0].code}" if unread else None


def appraised(answer: Exchange, trust: Trust, policy: Policy) -> Appraisal:
    """Judge what came back at the time it was asked for. Raises NotObserved when it was no 200."""
    if answer.status != 200:
        raise NotObserved(f"the evidence endpoint answered {answer.status}")
    nonce, at = bytes.fromhex(sent_nonce(answer) or ""), datetime.fromisoformat(answer.started).astimezone(UTC)
    try:
        machines = dstack.parse(answer.body)
    except Rejected as rejected:
        return Appraisal(answer, rejected.problem)
    shown = [answer.certificate, *(None for _ in machines[1:])]  # the others did not answer us
    reports = (verify(one, trust, nonce, at, policy, seen) for one, seen in zip(machines, shown, strict=True))
    return Appraisal(answer, None, machines, tuple(reports))


def hold(requirement: str, appraisals: Iterable[Appraisal]) -> None:
    """Fail on what breaks the requirement; NotObserved where the judges never came to look."""
    seen = list(appraisals)
    found = [problem for one in seen for problem in one.of(requirement)]
    assert not found, f"the evidence breaks it: {said(found)}"
    gaps = [gap for one in seen if (gap := one.gap(requirement)) is not None]
    if gaps:
        raise NotObserved(gaps[0])


def said(problems: Iterable[Problem]) -> str:
    return "; ".join(f"{problem.code}: {problem.reason}"[:200] for problem in list(problems)[:4])
