"""What an engine found out about a quote whose signatures hold, in one shape whichever engine it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.attest.levels import Level
from harness.attest.machine import Machine
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
class Facts:
    engine: str
    status: str  # merged: the platform, its TDX module and its quoting enclave
    advisories: tuple[str, ...]
    levels: tuple[Level, ...]
    machine: Machine
    body: Mapping[str, bytes] = field(default_factory=dict)  # the report as the engine read it; empty: our own reading


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
    old = [level for level in facts.levels if level.status.startswith("OutOfDate")]
    if not old:
        yield Problem(Code.ENGINE_DISAGREES, f"{facts.engine} says {facts.status}, but no level of the collateral does")
    for level in old:
        if level.date_s + policy.grace_s < at_s:
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
    for name, value in facts.machine.flags.items():
        if value and not allowed[name]:
            yield Problem(Code.POLICY_REFUSED, f"the PCK certificate says {name}")
    if policy.sgx_types is not None and facts.machine.sgx_type not in policy.sgx_types:
        yield Problem(
            Code.POLICY_REFUSED, f"SGX type {facts.machine.sgx_type}, expected one of {sorted(policy.sgx_types)}"
        )


def _machine(facts: Facts, policy: Policy) -> Iterator[Problem]:
    machine = facts.machine
    for name, value, allowed in (("FMSPC", machine.fmspc, policy.fmspcs), ("PPID", machine.ppid, policy.ppids)):
        if allowed and value not in allowed:
            yield Problem(Code.PLATFORM_UNEXPECTED, f"{name} {value} is not one that the policy names")


def _freshness(facts: Facts, policy: Policy, at_s: int) -> Iterator[Problem]:
    number, least = facts.machine.evaluation_number, policy.min_evaluation_number
    if number < least:
        yield Problem(Code.POLICY_REFUSED, f"TCB evaluation data number {number}, expected {least} or more")
    numbers = (
        ("root CRL", facts.machine.root_crl_number, policy.min_root_crl_number),
        ("PCK CRL", facts.machine.pck_crl_number, policy.min_pck_crl_number),
    )
    for name, listed, lowest in numbers:
        if lowest and (listed is None or listed < lowest):
            yield Problem(Code.POLICY_REFUSED, f"{name} number {listed}, expected {lowest} or more")
    if facts.machine.expires_s < at_s:
        yield Problem(Code.COLLATERAL_EXPIRED, "a part of the collateral has ended")
