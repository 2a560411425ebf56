"""What a trust domain, or an enclave, says about how it runs: attributes and extended features, held against policy."""

from __future__ import annotations

from collections.abc import Iterator

from harness.attest.layout import Layout
from harness.attest.policy import TEE_SGX, Policy
from harness.attest.verdict import Code, Problem

_DEBUG, _SERVTD_EXT, _SEPT_VE_DISABLE, _MIGRATABLE = 1 << 0, 1 << 17, 1 << 28, 1 << 29
_PROFILING = 0b111 << 4
_RESERVED = sum(1 << bit for bit in (1, 2, 3, *range(7, 16), *range(23, 27), *range(32, 62)))
_SGX_DEBUG = 1 << 1

# The engine refuses a domain for these outright, after it has found that every signature holds.
ATTRIBUTE_CODES = frozenset(
    {
        Code.TD_DEBUG,
        Code.TD_PROFILING,
        Code.TD_RESERVED_BITS,
        Code.TD_MIGRATABLE,
        Code.TD_SERVICE_TD,
        Code.TD_SEPT_VE,
    }
)


def takes(policy: Policy, code: Code) -> bool:
    """Whether the policy takes a domain that is refused with this code otherwise."""
    return {
        Code.TD_DEBUG: policy.allow_debug,
        Code.TD_PROFILING: policy.allow_profiling,
        Code.TD_RESERVED_BITS: policy.allow_reserved_bits,
        Code.TD_MIGRATABLE: policy.allow_migratable,
        Code.TD_SERVICE_TD: policy.allow_service_td,
        Code.TD_SEPT_VE: not policy.require_sept_ve_disable,
    }[code]


def weakened(layout: Layout, policy: Policy) -> list[Problem]:
    """Every way in which the domain is weaker than the policy takes."""
    if layout.tee_type == TEE_SGX:
        return list(_enclave(layout, policy))
    return [*_attributes(layout, policy), *_features(layout, policy)]


def _enclave(layout: Layout, policy: Policy) -> Iterator[Problem]:
    flags = int.from_bytes(layout.body["attributes"][:8], "little")
    if flags & _SGX_DEBUG and not policy.allow_debug:
        yield Problem(Code.TD_DEBUG, "the enclave runs in debug mode: its memory can be read")


def _attributes(layout: Layout, policy: Policy) -> Iterator[Problem]:
    bits = int.from_bytes(layout.body["td_attributes"], "little")
    rules = (
        (_DEBUG, Code.TD_DEBUG, "debug is on: the host can read the memory"),
        (_PROFILING, Code.TD_PROFILING, "the host may profile the domain"),
        (_RESERVED, Code.TD_RESERVED_BITS, "reserved bits are set"),
        (_MIGRATABLE, Code.TD_MIGRATABLE, "the domain can be moved to another machine"),
        (_SERVTD_EXT, Code.TD_SERVICE_TD, "service domains may be bound to it later"),
    )
    for mask, code, meaning in rules:
        if bits & mask and not takes(policy, code):
            yield Problem(code, f"TD attributes {bits:016x}: {meaning}")
    if any(layout.body.get("mr_service_td", b"")) and not policy.allow_service_td:
        yield Problem(Code.TD_SERVICE_TD, f"service domain {layout.body['mr_service_td'].hex()} is bound to it")
    if policy.require_sept_ve_disable and not bits & _SEPT_VE_DISABLE:
        reason = "a page that the host takes away goes unnoticed by a guest that handles #VE carelessly"
        yield Problem(Code.TD_SEPT_VE, f"TD attributes {bits:016x}: SEPT_VE_DISABLE is clear; {reason}")


def _features(layout: Layout, policy: Policy) -> Iterator[Problem]:
    features = int.from_bytes(layout.body["xfam"], "little")
    if missing := policy.xfam_required & ~features:
        yield Problem(Code.TD_XFAM, f"XFAM {features:016x}: required bits {missing:x} are clear")
    if extra := features & ~policy.xfam_allowed:
        yield Problem(Code.TD_XFAM, f"XFAM {features:016x}: bits {extra:x} are not taken")
