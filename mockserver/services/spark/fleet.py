"""Pods, their metros and tiers, and where each tenant may be served. Made up, and fixed."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

STANDARD, SOVEREIGN = "standard", "sovereign"
TIERS = (STANDARD, SOVEREIGN)
CATALOGUES = ("standard", "extended")


@dataclass(frozen=True, slots=True)
class Pod:
    id: str
    metro: str
    tiers: tuple[str, ...]


PODS = (
    Pod("pod-fra-1", "fra", TIERS),
    Pod("pod-fra-2", "fra", (STANDARD,)),
    Pod("pod-iad-1", "iad", (STANDARD,)),
    Pod("pod-iad-2", "iad", TIERS),
    Pod("pod-sjc-1", "sjc", (STANDARD,)),
)
METROS = tuple(dict.fromkeys(pod.metro for pod in PODS))
METROS_OF = MappingProxyType({"acct_second": ("fra",)})  # tenants that keep to some metros; all others may use any


@dataclass(frozen=True, slots=True)
class Pins:
    """What a request was pinned to; None is no pin."""

    metro: str | None = None
    tier: str | None = None
    pod: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request is served."""

    pod: Pod
    tier: str
