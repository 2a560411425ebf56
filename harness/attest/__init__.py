"""Attestation: pure judges over evidence, collateral, policy and a moment. Fetches nothing, reads no clock."""

from __future__ import annotations

from harness.attest.collateral import Trust, load_trust
from harness.attest.evidence import Evidence
from harness.attest.policy import Policy, policy_of
from harness.attest.quote import judge_quote
from harness.attest.verdict import Code, Problem, Rejected, Verdict
from harness.attest.verify import Report, verify

__all__ = [
    "Code",
    "Evidence",
    "Policy",
    "Problem",
    "Rejected",
    "Report",
    "Trust",
    "Verdict",
    "judge_quote",
    "load_trust",
    "policy_of",
    "verify",
]
