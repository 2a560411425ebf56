"""What `assay attest verify` says: the judges' verdicts over one piece of evidence, as one document.

It decides nothing: whatever no judge looked at is named as unjudged, and never counts as good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from harness.appraisal.companions import absent, companions_of, gpu_claims, token_claims
from harness.appraisal.question import Anchors, Missing, Question
from harness.attest import Code, Problem, Rejected, Report, Trust, Verdict, judge_quote, verify
from harness.attest.adapters import raw_quote, read
from harness.attest.boot import BootReport, judge_boot
from harness.attest.collateral import INTEL_ROOT_KEY_ID
from harness.attest.evidence import Evidence, Tokens
from harness.attest.gpu import payload, verify_gpu
from harness.attest.gpu.token import verify_token
from harness.attest.instances import repeated

__all__ = ["Anchors", "Appraisal", "Missing", "Question", "of_document", "of_gpus", "of_quote"]
UNREADABLE = frozenset(
    {
        Code.EVIDENCE_MALFORMED,
        Code.EVIDENCE_UNRECOGNISED,
        Code.QUOTE_MALFORMED,
        Code.COLLATERAL_MALFORMED,
        Code.PAYLOAD_MALFORMED,
        Code.PAYLOAD_BASE64,
    }
)
BOOT_AGE = timedelta(hours=24)


@dataclass(frozen=True)
class Appraisal:
    """`parts` holds one document for each attested machine, set of GPUs or token; the first is the main one."""

    problems: tuple[Problem, ...]
    parts: tuple[Mapping[str, Any], ...]
    test_roots: bool = False
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
        """The first part's claims stand at the top: most evidence has only one."""
        first = self.parts[0] if self.parts else {}
        return {
            "verdict": self.verdict,
            "code": str(self.problems[0].code if self.problems else Code.ACCEPTED),
            "status": first.get("status"),
            "test_roots": self.test_roots,
            "problems": [{"code": str(problem.code), "reason": problem.reason} for problem in self.problems],
            "unjudged": list(self.unjudged),
            "claims": dict(first),
            "others": [dict(part) for part in self.parts[1:]],
        }


def of_quote(raw: bytes, trust: Trust, question: Question) -> Appraisal:
    """A bare quote; where no nonce is given, nobody says what its report data should hold."""
    try:
        (evidence,) = raw_quote.parse(raw)
    except Rejected as rejected:
        return Appraisal((Problem(Code.QUOTE_MALFORMED, rejected.problem.reason),), (), _given(trust))
    if question.nonce is not None:
        return _of_machines((evidence,), Anchors(trust), question)
    verdict = judge_quote(evidence.quote, trust, question.at, question.policy)
    unjudged = ("what the report data binds: no nonce was given",)
    return Appraisal(verdict.problems, (_claims(verdict),), _under_test_root(trust, verdict), unjudged)


def of_gpus(raw: bytes, anchors: Anchors, question: Question) -> Appraisal:
    """The payload {nonce, evidence_list, arch}. Raises Missing without a nonce or the roots of GPUs."""
    if anchors.gpus is None:
        raise Missing("GPU reports are judged by --trust DIR with device_root.pem and rim_root.pem")
    report = verify_gpu(raw, anchors.gpus, question.challenge(), question.at, question.gpu_policy)
    return Appraisal(report.problems, (gpu_claims(report),), anchors.gpus.test_roots)


def of_document(raw: bytes, anchors: Anchors, question: Question) -> Appraisal:
    """Evidence in any format that is known; the format is told from the bytes. Raises Missing."""
    try:
        found = read(raw)
    except Rejected as rejected:
        if rejected.problem.code is Code.EVIDENCE_UNRECOGNISED and payload.recognises(raw):
            return of_gpus(raw, anchors, question)
        return Appraisal((rejected.problem,), ())
    if isinstance(found, Tokens):
        return _of_tokens(found, anchors, question)
    if isinstance(found, BootReport):
        return _of_boot(found, question)
    return _of_machines(found, anchors, question)


def _of_machines(machines: tuple[Evidence, ...], anchors: Anchors, question: Question) -> Appraisal:
    if anchors.quotes is None:
        raise Missing("a quote is judged by collateral: give --trust DIR, or --collateral C.json")
    problems, parts, unjudged, test_roots = repeated(machines), list[Mapping[str, Any]](), dict[str, None](), False
    for n, machine in enumerate(machines):
        label = f"machine {n}: " if len(machines) > 1 else ""
        seen = question.certificate if n == 0 else None  # the others did not answer us
        report = verify(machine, anchors.quotes, question.challenge(), question.at, question.policy, seen)
        found = companions_of(machine, anchors, question)
        told = (*report.problems, *found.problems)
        problems += [Problem(problem.code, label + problem.reason) for problem in told]
        parts.append({**_report_claims(machine, report), **found.claims})
        unjudged |= dict.fromkeys(found.unjudged)
        test_roots |= _under_test_root(anchors.quotes, report.quote) or found.test_roots
    return Appraisal((*problems, *absent(machines, question)), tuple(parts), test_roots, tuple(unjudged))


def _of_tokens(tokens: Tokens, anchors: Anchors, question: Question) -> Appraisal:
    if anchors.tokens is None:
        raise Missing("a token is judged by its issuer's keys: put them as jwks.json into the --trust folder")
    count = question.gpu_policy.gpu_count
    report = verify_token(tokens.answer, anchors.tokens, question.challenge(), question.at, count)
    return Appraisal(report.problems, (token_claims(report),), report.test_roots)


def _of_boot(boot: BootReport, question: Question) -> Appraisal:
    """Whole and recent is not proven, so such a report is never accepted."""
    verdict = judge_boot(boot, question.at, BOOT_AGE)
    unproven = Problem(Code.NONCE_UNBOUND, "no challenge, quote or signature: the report is its author's word")
    part = {"kind": "boot", "claimed": list(verdict.claimed), "unknowable": list(verdict.unknowable)}
    return Appraisal((*verdict.problems, unproven), (part,))


def _given(trust: Trust) -> bool:
    return trust.root_der is not None


def _under_test_root(trust: Trust, verdict: Verdict) -> bool:
    """A root that was given counts as a test root until it is found to be Intel's."""
    return _given(trust) if verdict.root_key_id is None else verdict.root_key_id != INTEL_ROOT_KEY_ID


def _report_claims(machine: Evidence, report: Report) -> dict[str, Any]:
    return {
        **_claims(report.quote),
        "format": machine.format,
        "binding": machine.scheme.name,
        "tie": {"is": str(report.tie.tie), "reason": report.tie.reason},
        "channel": str(report.channel),
        "proven": list(report.proven),
        "claimed": list(report.claimed),
        "unknowable": list(report.unknowable),
    }


def _claims(verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": "quote",
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
