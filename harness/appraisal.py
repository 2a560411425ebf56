"""What `assay attest verify` says: one verdict over judged evidence, as JSON and as lines. It judges nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.attest import Code, Policy, Problem, Rejected, Trust, Verdict, judge_quote
from harness.attest.adapters import raw_quote
from harness.attest.collateral import INTEL_ROOT_KEY_ID

UNREADABLE = frozenset(
    {Code.EVIDENCE_MALFORMED, Code.EVIDENCE_UNRECOGNISED, Code.QUOTE_MALFORMED, Code.COLLATERAL_MALFORMED}
)
TEST_ROOTS = "TEST ROOTS: this says nothing about real hardware."


@dataclass(frozen=True)
class Appraisal:
    """`machines` is one document for each attested machine; `unjudged` says what was not looked at."""

    problems: tuple[Problem, ...]
    machines: tuple[Mapping[str, Any], ...]
    test_roots: bool
    unjudged: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        if not self.problems:
            return "accepted"
        return "malformed" if self.problems[0].code in UNREADABLE else "rejected"

    @property
    def exit_code(self) -> int:
        return ("accepted", "rejected", "malformed").index(self.verdict)

    @property
    def document(self) -> dict[str, Any]:
        """The first machine's claims stand at the top: most evidence is of one."""
        first = self.machines[0] if self.machines else {}
        return {
            "verdict": self.verdict,
            "code": str(self.problems[0].code if self.problems else Code.ACCEPTED),
            "status": first.get("status"),
            "test_roots": self.test_roots,
            "problems": _problems(self.problems),
            "unjudged": list(self.unjudged),
            "claims": dict(first),
            "machines": [dict(machine) for machine in self.machines],
        }


def of_quote(raw: bytes, trust: Trust, at: datetime, policy: Policy) -> Appraisal:
    """One quote, of which nobody says what its report data should hold. Never raises on bad evidence."""
    try:
        (evidence,) = raw_quote.parse(raw)
    except Rejected as rejected:
        # a few bytes are no quote to the adapter; the parser of quotes says what is missing
        return Appraisal((Problem(Code.QUOTE_MALFORMED, rejected.problem.reason),), (), trust.root_der is not None)
    verdict = judge_quote(evidence.quote, trust, at, policy)
    unjudged = ("what the report data binds: no nonce was given",)
    return Appraisal(verdict.problems, (_claims(verdict),), under_test_root(trust, verdict), unjudged)


def under_test_root(trust: Trust, verdict: Verdict) -> bool:
    """A root that was given counts as a test root until it is found to be Intel's."""
    if verdict.root_key_id is not None:
        return verdict.root_key_id != INTEL_ROOT_KEY_ID
    return trust.root_der is not None


def lines(found: Appraisal) -> Iterator[str]:
    if found.test_roots:
        yield TEST_ROOTS
    code = f" ({found.problems[0].code})" if found.problems else ""
    yield f"{found.verdict}{code}"
    yield from (f"  {problem.code}: {problem.reason}" for problem in found.problems)
    for machine in found.machines:
        yield from _machine_lines(machine)
    yield from (f"not judged: {what}" for what in found.unjudged)


def _machine_lines(machine: Mapping[str, Any]) -> Iterator[str]:
    yield f"TCB status {machine['status']}, FMSPC {machine['fmspc']}, engine {machine['engine']}"
    for title in ("notes", "proven", "claimed", "unknowable"):
        yield from (f"{title}: {line}" for line in machine.get(title, ()))
    if machine["unpinned"]:
        yield f"unpinned by policy {machine['policy']}: {', '.join(machine['unpinned'])}"


def _claims(verdict: Verdict) -> dict[str, Any]:
    return {
        "code": str(verdict.code),
        "status": verdict.status,
        "advisories": list(verdict.advisories),
        "fmspc": verdict.fmspc,
        "root_key_id": verdict.root_key_id,
        "engine": verdict.engine,
        "policy": verdict.policy,
        "unpinned": list(verdict.unpinned),
        "platform": dict(verdict.platform),
        "collateral": dict(verdict.collateral),
        "measurements": dict(verdict.measurements),
        "notes": list(verdict.notes),
    }


def _problems(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"code": str(problem.code), "reason": problem.reason} for problem in problems]
