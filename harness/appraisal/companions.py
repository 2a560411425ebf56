"""The GPUs that stand beside a quote, as reports or as tokens: judged where it can be done, told where it cannot.

It refuses to be silent: a device that no judge looked at is named as unjudged, and one that a policy counts on counts.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.appraisal.question import Anchors, Missing, Question
from harness.attest import Code, Problem, Rejected, binding
from harness.attest.evidence import Evidence
from harness.attest.gpu import GpuReport, verify_gpu
from harness.attest.gpu.token import TokenReport, verify_token


@dataclass(frozen=True)
class Companions:
    """Of one machine."""

    problems: tuple[Problem, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()
    test_roots: bool = False


def companions_of(machine: Evidence, anchors: Anchors, question: Question) -> Companions:
    """Raises Missing where the policy counts GPUs and nothing was given to judge them by."""
    formula, nonce = machine.scheme.gpu_nonce, None
    if formula is not None:
        try:
            nonce = binding.evaluate(formula, {**machine.fields, "nonce": question.challenge()})
        except Rejected:
            return Companions()  # the verdicts on binding and tie hold the problem
    reports, tokens = _reports(machine, anchors, question, nonce), _tokens(machine, anchors, question, nonce)
    return Companions(
        (*reports.problems, *tokens.problems),
        {**reports.claims, **tokens.claims},
        (*tokens.unjudged, *reports.unjudged),
        reports.test_roots or tokens.test_roots,
    )


def absent(machines: Sequence[Evidence], question: Question) -> Iterator[Problem]:
    """Machines that show no GPU where the policy says how many there are. Gateways need none, unless nobody has any."""
    expected = question.gpu_policy.gpu_count
    shown = [bool(machine.gpu) or machine.tokens is not None for machine in machines]
    if expected is None:
        return
    for n, (machine, has) in enumerate(zip(machines, shown, strict=True)):
        if not has and (machine.runs_models or not any(shown)):
            yield Problem(Code.PAYLOAD_GPU_COUNT, f"machine {n} shows no GPU, expected {expected}")


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


def gpu_claims(report: GpuReport) -> dict[str, Any]:
    devices = [*(("gpu", gpu) for gpu in report.gpus), *(("switch", switch) for switch in report.switches)]
    names = ("arch", "model", "pdi", "ueid", "driver", "vbios", "mode", "compared")
    return {
        "kind": "gpus",
        "devices": [{"is": kind, **{name: getattr(device, name) for name in names}} for kind, device in devices],
        "proven": list(report.proven),
        "unpinned": list(report.unpinned),
        "unknowable": list(report.unknowable),
    }


def token_claims(report: TokenReport) -> dict[str, Any]:
    return {
        "kind": "token",
        "ueids": list(report.ueids),
        "pins": list(report.pins),
        "unpinned": list(report.unpinned),
    }


def _reports(machine: Evidence, anchors: Anchors, question: Question, nonce: bytes | None) -> Companions:
    if not machine.gpu:
        return Companions()
    if anchors.gpus is None or nonce is None:
        why = "the trust folder holds no device_root.pem" if nonce else "the format derives no nonce for them"
        what = f"whether the {len(machine.gpu)} GPU reports are genuine: {why}"
        return Companions(unjudged=(_uncounted(question, what),))
    report = verify_gpu(devices_of(machine), anchors.gpus, nonce, question.at, question.gpu_policy)
    return Companions(report.problems, {"gpus": gpu_claims(report)}, (), report.test_roots)


def _tokens(machine: Evidence, anchors: Anchors, question: Question, nonce: bytes | None) -> Companions:
    if machine.tokens is None:
        return Companions()
    if anchors.tokens is None or nonce is None:
        why = "no jwks.json was given" if nonce else "the format derives no nonce for them"
        return Companions(unjudged=(_uncounted(question, f"the tokens about the GPUs: {why}"),))
    count = question.gpu_policy.gpu_count
    report = verify_token(machine.tokens.answer, anchors.tokens, nonce, question.at, count)
    return Companions(report.problems, {"tokens": token_claims(report)}, (), report.test_roots)


def _uncounted(question: Question, what: str) -> str:
    """What stays unjudged. Raises Missing where the policy says how many GPUs there are: unjudged ones do not count."""
    if question.gpu_policy.gpu_count is not None:
        raise Missing(f"the policy wants {question.gpu_policy.gpu_count} GPUs, but nobody can judge {what}")
    return what
