"""The machines of a rack that stands: their controllers' credentials, their Talos configuration, their report."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from mockserver.call import Reply
from mockserver.services.forge.operations import iso, reply
from mockserver.services.vault import boot, talos
from mockserver.services.vault.operations import kept, known, ready

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.services.vault.decisions import Decisions
    from mockserver.services.vault.racks import Rack

Json = dict[str, Any]
CREDENTIAL_S = 3600
_POLL_S = 30  # how often the verifier asks each node


async def mint_credentials(call: Call) -> Reply:
    """POST vault/racks/{rack_id}/redfish-credentials: new ones every time, kept nowhere."""
    vault = _vault(call)
    return reply(call, vault.credentials_status, vault.credentials(call, ready(call)))


def credentials(call: Call, rack: Rack) -> Json:
    vault = _vault(call)
    return {
        "endpoint": f"https://bmc.{rack.pod}.vault.invalid/redfish/v1",
        "username": vault.new_username(call),
        "password": vault.new_password(call),
        "expires_at": iso(call.state.clock.now() + vault.credential_s),
    }


def new_username(call: Call) -> str:
    return "volt-" + secrets.token_hex(4)


def new_password(call: Call) -> str:
    """192 bits, in characters that every controller takes."""
    return secrets.token_urlsafe(24)


async def talos_config(call: Call) -> Reply:
    """GET vault/racks/{rack_id}/talos-config: the same document every time it is downloaded."""
    vault = _vault(call)
    rack = ready(call)
    document = talos.document(rack, vault.bundle(call, rack), vault.nodes_of(call, rack))
    return Reply(200, vault.write_talos(document), [("Content-Type", vault.talos_content_type)])


def bundle(call: Call, rack: Rack) -> talos.Bundle:
    """The secrets of the rack's cluster; made once, and kept."""
    if kept(call).bundle(rack) is None:
        kept(call).keep_bundle(rack, talos.packed(talos.new_bundle(call.state.clock.instant())))
    found = kept(call).bundle(rack)
    assert found is not None
    return talos.unpacked(found)


async def attestation(call: Call) -> Reply:
    """GET vault/racks/{rack_id}/attestation: what the verifier last saw of each node. Nobody signs it."""
    vault = _vault(call)
    rack = known(call)
    nodes = [vault.reported(call, rack, name) for name in vault.reported_nodes(call, rack)]
    return reply(call, 200, {"rack_id": rack.id, "nodes": nodes})


def reported_nodes(call: Call, rack: Rack) -> list[str]:
    return _vault(call).nodes_of(call, rack)


def reported(call: Call, rack: Rack, hostname: str) -> Json:
    """A node that has not booted yet has no registers, and nothing was verified."""
    vault = _vault(call)
    verdict = vault.verdict(call, rack, hostname)
    seen = verdict != "unknown"
    return {
        "hostname": hostname,
        "tpm_pcr_values": vault.registers(call, rack, hostname) if seen else {},
        "measured_boot_verdict": verdict,
        "verified_at": iso(vault.verified(call, rack)) if seen else None,
    }


def registers(call: Call, rack: Rack, hostname: str) -> dict[str, str]:
    return boot.extended(boot.boot(rack.gpu_type, rack.template))


def verdict(call: Call, rack: Rack, hostname: str) -> str:
    """pass once the node has booted: here every node boots what it should."""
    return "pass" if _vault(call).is_ready(call, rack) else "unknown"


def attestation_status(call: Call, rack: Rack, hostname: str) -> str:
    """What the rack's row says of a node: the same as the report."""
    said = {"pass": "verified", "fail": "failed", "unknown": "pending"}
    return said[verdict(call, rack, hostname)]


def verified(call: Call, rack: Rack) -> float:
    """When the verifier last asked, in unix seconds; never before the rack stood."""
    now = call.state.clock.now()
    return max(now - now % _POLL_S, rack.begins)


def _vault(call: Call) -> Decisions:
    return call.gateway.vault
