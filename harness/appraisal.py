"""What `assay attest verify` says: the judges' verdicts over one piece of evidence, as one document.

It decides nothing: whatever no judge looked at is named as unjudged, and never counts as good.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from harness.attest import Code, Policy, Problem, Rejected, Report, Trust, Verdict, binding, judge_quote, verify
from harness.attest.adapters import raw_quote, read
from harness.attest.boot import BootReport, judge_boot
from harness.attest.collateral import INTEL_ROOT_KEY_ID
from harness.attest.evidence import Evidence, Tokens
from harness.attest.gpu import GpuPolicy, GpuReport, GpuTrust, payload, verify_gpu
from harness.attest.gpu.policy import DEFAULT as GPU_DEFAULT
from harness.attest.gpu.token import TokenTrust, verify_token
from harness.attest.instances import repeated

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


class Missing(Exception):
    """The evidence can be read, but what it would be judged by was not given."""


@dataclass(frozen=True)
class Anchors:
    """What evidence is judged by, as far as it was given."""

    quotes: Trust | None = None
    gpus: GpuTrust | None = None
    tokens: TokenTrust | None = None


@dataclass(frozen=True)
class Question:
    nonce: bytes | None
    at: datetime
    policy: Policy
    gpu_policy: GpuPolicy = GPU_DEFAULT
    certificate: bytes | None = None  # DER of the leaf of the connection that the evidence came over

    def challenge(self) -> bytes:
        """Raises Missing."""
        if self.nonce is None:
            raise Missing("this evidence answers a challenge: say which one was sent with --nonce HEX")
        return self.nonce


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
    return Appraisal(report.problems, (_gpu_claims(report),), anchors.gpus.test_roots)


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
        gpus, skipped = _gpus_of(machine, anchors, question)
        found = (*report.problems, *(gpus.problems if gpus else ()))
        problems += [Problem(problem.code, label + problem.reason) for problem in found]
        parts.append(_report_claims(machine, report) | ({"gpus": _gpu_claims(gpus)} if gpus else {}))
        unjudged |= dict.fromkeys(skipped)
        test_roots |= _under_test_root(anchors.quotes, report.quote) or (gpus is not None and gpus.test_roots)
    return Appraisal(tuple(problems), tuple(parts), test_roots, tuple(unjudged))


def _gpus_of(machine: Evidence, anchors: Anchors, question: Question) -> tuple[GpuReport | None, list[str]]:
    """The devices beside a quote, and what was left unjudged of them."""
    skipped = ["the tokens about the GPUs"] if machine.tokens is not None else []
    if not machine.gpu:
        return None, skipped
    formula = machine.scheme.gpu_nonce
    if anchors.gpus is None or formula is None:
        why = "the trust folder holds no device_root.pem" if formula else "the format derives no nonce for them"
        return None, [*skipped, f"whether the {len(machine.gpu)} GPU reports are genuine: {why}"]
    try:
        nonce = binding.evaluate(formula, {**machine.fields, "nonce": question.challenge()})
    except Rejected:
        return None, skipped  # the tie's verdict holds the problem
    return verify_gpu(devices_of(machine), anchors.gpus, nonce, question.at, question.gpu_policy), skipped


def devices_of(machine: Evidence) -> bytes:
    """The GPU reports beside a quote, as the payload that their judge reads."""
    devices = [
        {
            "arch": device.arch,
            "certificate": base64.b64encode(device.certificate).decode(),
            "evidence": base64.b64encode(device.evidence).decode(),
        }
        for device in machine.gpu
    ]
    return json.dumps({"evidence_list": devices}).encode()


def _of_tokens(tokens: Tokens, anchors: Anchors, question: Question) -> Appraisal:
    if anchors.tokens is None:
        raise Missing("a token is judged by its issuer's keys: put them as jwks.json into the --trust folder")
    report = verify_token(tokens.answer, anchors.tokens, question.challenge(), question.at)
    part = {"kind": "token", "ueids": list(report.ueids), "pins": list(report.pins), "unpinned": list(report.unpinned)}
    return Appraisal(report.problems, (part,))


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


def _gpu_claims(report: GpuReport) -> dict[str, Any]:
    devices = [*(("gpu", gpu) for gpu in report.gpus), *(("switch", switch) for switch in report.switches)]
    names = ("arch", "model", "pdi", "ueid", "driver", "vbios", "mode", "compared")
    return {
        "kind": "gpus",
        "devices": [{"is": kind, **{name: getattr(device, name) for name in names}} for kind, device in devices],
        "proven": list(report.proven),
        "unpinned": list(report.unpinned),
        "unknowable": list(report.unknowable),
    }
