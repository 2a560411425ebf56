"""What a relying party accepts: a frozen record, built from a policy file's document. Reads no file itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEE_SGX = 0x00
TEE_TDX = 0x81
TEES = {"sgx": TEE_SGX, "tdx": TEE_TDX}
DAY_S = 86_400
# what identifies the software of a TD; a policy that names none of them has proven nothing about it
PINNABLE = ("mr_seam", "mr_td", "mr_config_id", "mr_owner", "mr_owner_config", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3")
PINNABLE_SGX = ("mr_enclave", "mr_signer")


@dataclass(frozen=True)
class Policy:
    """The default is the shipped policy `field`: current platforms, with the flags that real machines carry."""

    name: str = "field"
    tees: frozenset[int] = frozenset({TEE_TDX})
    statuses: frozenset[str] = frozenset({"UpToDate"})
    refused_advisories: frozenset[str] = frozenset()
    grace_s: int = 0  # how long after tcbDate an OutOfDate level is still taken; needs OutOfDate in statuses
    min_evaluation_number: int = 0
    min_root_crl_number: int = 0
    min_pck_crl_number: int = 0
    allow_dynamic_platform: bool = True
    allow_cached_keys: bool = True
    allow_smt: bool = True
    sgx_types: frozenset[int] | None = None  # None: unpinned, as for every set below that is empty
    fmspcs: frozenset[str] = frozenset()
    ppids: frozenset[str] = frozenset()
    allow_debug: bool = False
    allow_profiling: bool = False
    allow_migratable: bool = False
    allow_service_td: bool = False
    allow_reserved_bits: bool = False
    require_sept_ve_disable: bool = True
    xfam_required: int = 0x3  # x87 and SSE: the TDX module starts no TD without them
    xfam_allowed: int = 0x6DBE7
    zero_padding_only: bool = True  # some quoting services leave buffer content behind the quote
    measurements: Mapping[str, frozenset[str]] = field(default_factory=dict)  # field -> hex values taken
    events: Mapping[str, frozenset[str]] = field(default_factory=dict)  # system event -> hex payloads taken
    schemes: frozenset[str] = frozenset()  # of binding; empty: any that the evidence says
    channel: str = "any"  # or named: the quote must bind a TLS key


DEFAULT = Policy()


def policy_of(document: Mapping[str, Any]) -> Policy:
    """A policy from a document that follows policy.schema.json, as specs.policy returns it."""
    tcb, platform, domain = (dict(document.get(part, {})) for part in ("tcb", "platform", "domain"))
    values: dict[str, Any] = {"name": document["name"], **document.get("quote", {})}
    if "tees" in document:
        values["tees"] = frozenset(TEES[name] for name in document["tees"])
    if "grace_days" in tcb:
        values["grace_s"] = tcb.pop("grace_days") * DAY_S
    sets = ((tcb, ("statuses", "refused_advisories")), (platform, ("sgx_types", "fmspcs", "ppids")))
    for section, names in sets:
        values |= {name: _folded(section.pop(name)) for name in names if name in section}
    values |= {name: int(domain.pop(name), 16) for name in ("xfam_required", "xfam_allowed") if name in domain}
    for part in ("measurements", "events"):
        values[part] = {name: _folded(allowed) for name, allowed in document.get(part, {}).items()}
    binding = document.get("binding", {})
    values |= {"schemes": frozenset(binding.get("schemes", ())), "channel": binding.get("channel", "any")}
    return Policy(**values, **tcb, **platform, **domain)


def unpinned(policy: Policy, tee_type: int) -> tuple[str, ...]:
    """The measurements, and the identity of the machine, that the policy leaves open."""
    fields = PINNABLE if tee_type == TEE_TDX else PINNABLE_SGX
    open_fields = [name for name in fields if name not in policy.measurements]
    platform = (("fmspc", policy.fmspcs), ("ppid", policy.ppids))
    return (*open_fields, *(name for name, allowed in platform if not allowed))


def _folded(values: list[Any]) -> frozenset[Any]:
    """Hex is compared in lower case; names of statuses and advisories keep theirs."""
    return frozenset(value.lower() if isinstance(value, str) and _is_hex(value) else value for value in values)


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)
