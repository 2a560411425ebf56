"""GPU and switch evidence: pure judges over reports, certificates, reference values, OCSP responses and tokens."""

from __future__ import annotations

from harness.attest.gpu.ledger import Sighting, judge_ledger
from harness.attest.gpu.policy import GpuPolicy, gpu_policy_of
from harness.attest.gpu.trust import GpuTrust, load_gpu_trust
from harness.attest.gpu.verify import GpuReport, verify_gpu

__all__ = [
    "GpuPolicy",
    "GpuReport",
    "GpuTrust",
    "Sighting",
    "gpu_policy_of",
    "judge_ledger",
    "load_gpu_trust",
    "verify_gpu",
]
