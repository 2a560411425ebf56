"""Forge: GPUs leased by the count and the term, and access to the Kubernetes namespace they stand in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mockserver.services.forge.authority import Authority, open_authority
from mockserver.services.forge.decisions import Decisions
from mockserver.services.forge.leases import SCHEMA, Leases
from mockserver.services.forge.stock import METROS
from mockserver.services.service import Route, Service
from mockserver.services.spark.fleet import METROS_OF

if TYPE_CHECKING:
    from mockserver.services.storage import Storage
    from mockserver.state import State


class ForgePart:
    """The leases, and the authority that signs for their clusters."""

    def __init__(self, leases: Leases, authority: Authority) -> None:
        self.leases, self.authority = leases, authority

    def reset(self) -> None:
        self.leases.clear()


def open_part(storage: Storage, state: State) -> ForgePart:
    db = storage.connect(SCHEMA)
    return ForgePart(Leases(db), open_authority(db, state.clock.instant()))


def names(_: State) -> Mapping[str, str]:
    """Where the second tenant may not have machines."""
    kept = METROS_OF["acct_second"]
    return {"barred_metro": next(metro for metro in METROS if metro not in kept)}


SERVICE = Service(
    "forge",
    (
        Route("GET", "/forge/availability", "forge.availability"),
        Route("POST", "/forge/leases", "forge.create"),
        Route("GET", "/forge/leases", "forge.list_leases"),
        Route("GET", "/forge/leases/{lease_id}", "forge.retrieve"),
        Route("DELETE", "/forge/leases/{lease_id}", "forge.terminate"),
        Route("POST", "/forge/leases/{lease_id}/kubeconfig", "forge.mint"),
    ),
    open_part,
    names=names,
)
__all__ = ["SERVICE", "Decisions", "ForgePart"]
