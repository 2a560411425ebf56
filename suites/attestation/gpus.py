"""The GPUs that one answer of the evidence endpoint shows, and what the judges say about them. Asks nothing itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from harness.appraisal.companions import devices_of
from harness.attest.gpu import GpuPolicy, GpuReport, GpuTrust, verify_gpu
from harness.attest.verdict import Code, Problem
from harness.model import NotObserved
from suites.attestation.appraisal import Appraisal, said

CATCH_ALL: Final = "AT-081"
GROUNDS: Final[dict[str, frozenset[Code]]] = {
    "AT-082": frozenset({Code.REPORT_NONCE_MISMATCH, Code.PAYLOAD_NONCE_MISMATCH}),
    "AT-083": frozenset({Code.SET_DUPLICATE_DEVICE}),
    "AT-084": frozenset(code for code in Code if code.startswith(("rim.", "measurement.")))
    | {Code.POLICY_DRIVER_TOO_OLD, Code.POLICY_VBIOS_TOO_OLD},
    "AT-085": frozenset(code for code in Code if code.startswith("ocsp.")),
    "AT-086": frozenset(
        {
            Code.CHAIN_DEBUG,
            Code.PAYLOAD_ARCH_MIXED,
            Code.POLICY_ARCH,
            Code.POLICY_FEATURE_MODE,
            Code.SET_MIXED_FEATURE_MODES,
            Code.SET_FABRIC_MISMATCH,
        }
    ),
}


@dataclass(frozen=True)
class Hardware:
    """The GPUs of each machine that an answer lists; None where a machine shows none."""

    appraisal: Appraisal
    reports: tuple[GpuReport | None, ...]

    @property
    def shown(self) -> tuple[GpuReport, ...]:
        return tuple(report for report in self.reports if report is not None)

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(len(report.gpus) if report else 0 for report in self.reports)

    @property
    def identities(self) -> frozenset[str]:
        """What each GPU is called in the certificate that its maker gave it."""
        return frozenset(gpu.pdi for report in self.shown for gpu in report.gpus if gpu.pdi)

    def of(self, requirement: str) -> list[Problem]:
        """The problems that break this requirement; whatever no other row names is a fault of the report itself."""
        problems = [problem for report in self.shown for problem in report.problems]
        return [problem for problem in problems if _owner(problem.code) == requirement]


def hardware_of(appraisal: Appraisal, trust: GpuTrust, nonce: bytes, at: datetime, policy: GpuPolicy) -> Hardware:
    """Judge the GPUs of every machine. Raises NotObserved when the evidence cannot be read."""
    if appraisal.unread is not None:
        raise NotObserved(f"the evidence cannot be read: {appraisal.unread.code}")
    machines = appraisal.machines
    return Hardware(
        appraisal,
        tuple(verify_gpu(devices_of(one), trust, nonce, at, policy) if one.gpu else None for one in machines),
    )


def hold(requirement: str, seen: Iterable[Hardware]) -> None:
    """Fail on what breaks the requirement; NotObserved where no GPU is shown that could."""
    found = list(seen)
    problems = [problem for one in found for problem in one.of(requirement)]
    assert not problems, f"the GPU evidence breaks it: {said(problems)}"
    if not any(one.shown for one in found):
        raise NotObserved("the evidence holds no GPU report")


def _owner(code: Code) -> str:
    return next((requirement for requirement, owned in GROUNDS.items() if code in owned), CATCH_ALL)
