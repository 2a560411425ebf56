"""What an engine found out about a quote whose signatures hold, in one shape whichever engine it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.attest.policy import Policy
from harness.attest.verdict import Code, Problem

_STATUS_CODES = {
    "OutOfDate": Code.TCB_OUT_OF_DATE,
    "OutOfDateConfigurationNeeded": Code.TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    "ConfigurationNeeded": Code.TCB_CONFIGURATION_NEEDED,
    "SWHardeningNeeded": Code.TCB_SW_HARDENING_NEEDED,
    "ConfigurationAndSWHardeningNeeded": Code.TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    "TDRelaunchAdvised": Code.TCB_RELAUNCH_ADVISED,
    "TDRelaunchAdvisedConfigurationNeeded": Code.TCB_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
}


@dataclass(frozen=True)
class Level:
    """A TCB level that matched: of the platform, or of the quoting enclave."""

    of: str
    status: str
    date_s: int  # tcbDate, unix seconds


@dataclass(frozen=True)
class Facts:
    engine: str
    status: str  # merged: the platform, its TDX module and its quoting enclave
    advisories: tuple[str, ...]
    levels: tuple[Level, ...]
    fmspc: str  # lower-case hex, as all hex here
    ppid: str
    sgx_type: int
    flags: Mapping[str, bool | None]  # dynamic_platform, cached_keys, smt; None where the certificate is silent
    root_key_id: str
    evaluation_number: int
    root_crl_number: int | None
    pck_crl_number: int | None
    expires_s: int  # the earliest date in the collateral, unix seconds
    body: Mapping[str, str] = field(default_factory=dict)  # the report as the engine read it; empty: our own reading


def weighed(facts: Facts, policy: Policy, at_s: int) -> list[Problem]:
    """Everything about the platform that the policy does not take."""
    return [
        *_status(facts, policy),
        *_grace(facts, policy, at_s),
        *_refused(facts, policy),
        *_flags(facts, policy),
        *_machine(facts, policy),
        *_freshness(facts, policy, at_s),
    ]


def _status(facts: Facts, policy: Policy) -> Iterator[Problem]:
    if facts.status not in policy.statuses:
        reason = f"TCB status {facts.status}; advisories: {', '.join(facts.advisories) or 'none named'}"
        yield Problem(_STATUS_CODES.get(facts.status, Code.TCB_STATUS_UNKNOWN), reason)


def _grace(facts: Facts, policy: Policy, at_s: int) -> Iterator[Problem]:
    if not facts.status.startswith("OutOfDate") or facts.status not in policy.statuses:
        return
    for level in facts.levels:
        if level.status.startswith("OutOfDate") and level.date_s + policy.grace_s < at_s:
            days = (at_s - level.date_s) // 86_400
            yield Problem(Code.POLICY_REFUSED, f"the {level.of} has been {level.status} for {days} days")


def _refused(facts: Facts, policy: Policy) -> Iterator[Problem]:
    for advisory in facts.advisories:
        if advisory in policy.refused_advisories:
            yield Problem(Code.POLICY_REFUSED, f"{advisory} applies to this machine")


def _flags(facts: Facts, policy: Policy) -> Iterator[Problem]:
    allowed = {
        "dynamic_platform": policy.allow_dynamic_platform,
        "cached_keys": policy.allow_cached_keys,
        "smt": policy.allow_smt,
    }
    for name, value in facts.flags.items():
        if value and not allowed[name]:
            yield Problem(Code.POLICY_REFUSED, f"the PCK certificate says {name}")
    if policy.sgx_types is not None and facts.sgx_type not in policy.sgx_types:
        yield Problem(Code.POLICY_REFUSED, f"SGX type {facts.sgx_type}, expected one of {sorted(policy.sgx_types)}")


def _machine(facts: Facts, policy: Policy) -> Iterator[Problem]:
    for name, value, allowed in (("FMSPC", facts.fmspc, policy.fmspcs), ("PPID", facts.ppid, policy.ppids)):
        if allowed and value not in allowed:
            yield Problem(Code.PLATFORM_UNEXPECTED, f"{name} {value} is not one that the policy names")


def _freshness(facts: Facts, policy: Policy, at_s: int) -> Iterator[Problem]:
    if facts.evaluation_number < policy.min_evaluation_number:
        reason = (
            f"TCB evaluation data number {facts.evaluation_number}, expected {policy.min_evaluation_number} or more"
        )
        yield Problem(Code.POLICY_REFUSED, reason)
    numbers = (
        ("root CRL", facts.root_crl_number, policy.min_root_crl_number),
        ("PCK CRL", facts.pck_crl_number, policy.min_pck_crl_number),
    )
    for name, number, least in numbers:
        if least and (number is None or number < least):
            yield Problem(Code.POLICY_REFUSED, f"{name} number {number}, expected {least} or more")
    if facts.expires_s < at_s:
        yield Problem(Code.COLLATERAL_EXPIRED, "a part of the collateral has ended")
