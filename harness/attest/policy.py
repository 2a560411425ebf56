"""What a relying party accepts: a frozen record, so that a policy file can become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TEE_SGX = 0x00
TEE_TDX = 0x81


@dataclass(frozen=True)
class Policy:
    """The default takes current platforms only.

    The platform flags are allowed, because every TDX machine seen in the field has dynamic platform and SMT set.
    """

    tees: frozenset[int] = frozenset({TEE_TDX})
    statuses: frozenset[str] = frozenset({"UpToDate"})
    refused_advisories: frozenset[str] = frozenset()
    grace_s: int = 0  # how long after tcbDate an OutOfDate level is still taken; needs OutOfDate in statuses
    min_evaluation_number: int = 0
    allow_dynamic_platform: bool = True
    allow_cached_keys: bool = True
    allow_smt: bool = True
    zero_padding_only: bool = True  # some quoting services leave buffer content behind the quote
    measurements: Mapping[str, frozenset[str]] = field(default_factory=dict)  # field -> hex values taken


DEFAULT = Policy()
