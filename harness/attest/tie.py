"""What ties the GPU evidence to the quote: names the strongest tie that holds, and never more than that.

No scheme of the field proves that the GPU is attached to the trust domain: a relay of another machine's GPU passes all.
"""

from __future__ import annotations

import enum
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.attest import binding
from harness.attest.evidence import Evidence
from harness.attest.scheme import commitment_problems
from harness.attest.verdict import Code, Problem, Rejected

LAUNCHER_EVENT = "gpu-attestation"
_REQUEST = bytes((0x11, 0xE0))  # SPDM 1.1 GET_MEASUREMENTS
_NONCE = slice(4, 36)


class Tie(enum.StrEnum):
    """Strongest first."""

    HASH_BOUND = "hash-bound"  # the quote holds the hash of exactly this GPU evidence
    SHARED_NONCE = "shared nonce"  # both answer one challenge; the GPU may stand in another machine
    MEASURED_LAUNCHER = "measured launcher"  # a measured event says that the GPU was checked at boot
    NOT_PROVEN = "not proven"


@dataclass(frozen=True)
class TieVerdict:
    """Speaks of the tie only: whether a GPU report is genuine is judged from its own signature and chain."""

    tie: Tie
    reason: str
    problems: tuple[Problem, ...] = ()


def judge_tie(evidence: Evidence, nonce: bytes, named: Mapping[str, bytes], unheld: str | None = None) -> TieVerdict:
    """`named` are the system events whose payloads the log proved. Never raises on bad evidence.

    `unheld` says why the quote does not hold what the evidence says that it binds: then nothing is tied to it.
    """
    found = _tied(evidence, nonce, named)
    return found if unheld is None else TieVerdict(Tie.NOT_PROVEN, unheld, found.problems)


def _tied(evidence: Evidence, nonce: bytes, named: Mapping[str, bytes]) -> TieVerdict:
    fields = {**evidence.fields, "nonce": nonce}
    if not evidence.gpu:
        return _without_gpu(named)
    problems = tuple(_nonce_problems(evidence, fields))
    if problems:
        return TieVerdict(Tie.NOT_PROVEN, "the GPU evidence does not answer the challenge", problems)
    bound = evidence.scheme.gpu_commitments
    if bound and not any(problem for each in bound for problem in commitment_problems(each, fields)):
        return TieVerdict(Tie.HASH_BOUND, f"report_data covers the hash of {len(evidence.gpu)} GPU reports")
    if evidence.scheme.gpu_nonce is None:
        return TieVerdict(Tie.NOT_PROVEN, f"{evidence.scheme.name} derives no nonce for the GPU")
    return TieVerdict(Tie.SHARED_NONCE, f"{len(evidence.gpu)} GPU reports answer the challenge that the quote holds")


def _without_gpu(named: Mapping[str, bytes]) -> TieVerdict:
    if LAUNCHER_EVENT in named:
        return TieVerdict(Tie.MEASURED_LAUNCHER, f"RTMR3 holds the event {LAUNCHER_EVENT}; it is as old as the boot")
    return TieVerdict(Tie.NOT_PROVEN, "the evidence holds no GPU report")


def _nonce_problems(evidence: Evidence, fields: Mapping[str, bytes]) -> Iterator[Problem]:
    if evidence.scheme.gpu_nonce is None:
        return
    try:
        expected = binding.evaluate(evidence.scheme.gpu_nonce, fields)
    except Rejected as rejected:
        yield rejected.problem
        return
    for n, device in enumerate(evidence.gpu):
        found = device.evidence[_NONCE]
        if not device.evidence.startswith(_REQUEST) or not hmac.compare_digest(found, expected):
            reason = f"GPU {n} answers nonce {found.hex()}, {evidence.scheme.gpu_nonce} is {expected.hex()}"
            yield Problem(Code.TIE_NONCE_MISMATCH, reason)
