"""Vault: racks of bare metal for one tenant each, access to their machines, and what a verifier saw of their boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockserver.services.service import Route, Service
from mockserver.services.vault.decisions import Decisions
from mockserver.services.vault.racks import SCHEMA, Racks

if TYPE_CHECKING:
    from mockserver.services.storage import Storage
    from mockserver.state import State


def open_part(storage: Storage, _: State) -> Racks:
    return Racks(storage.connect(SCHEMA))


SERVICE = Service(
    "vault",
    (
        Route("POST", "/vault/racks", "vault.request"),
        Route("GET", "/vault/racks", "vault.list_racks"),
        Route("GET", "/vault/racks/{rack_id}", "vault.retrieve"),
        Route("POST", "/vault/racks/{rack_id}/redfish-credentials", "vault.mint_credentials"),
        Route("GET", "/vault/racks/{rack_id}/talos-config", "vault.talos_config"),
        Route("GET", "/vault/racks/{rack_id}/attestation", "vault.attestation"),
    ),
    open_part,
)
__all__ = ["SERVICE", "Decisions"]
