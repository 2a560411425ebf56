"""Access to a leased cluster: a kubeconfig whose client certificate says which lease of which tenant it is for."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mockserver.refusal import Refusal
from mockserver.services.forge.kubeconfig import Access, Minted
from mockserver.services.forge.operations import iso, known, reply
from mockserver.services.members import Members, integer, optional, read_optional_members

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.forge.authority import Authority, Leaf
    from mockserver.services.forge.leases import Lease

Json = dict[str, Any]
SHORTEST_S, DEFAULT_S, LONGEST_S = 600, 43_200, 86_400
KUBECONFIG: Members = {"ttl_seconds": optional(integer(SHORTEST_S, LONGEST_S), DEFAULT_S)}


async def mint(call: Call) -> Reply:
    """POST forge/leases/{lease_id}/kubeconfig: a new key and certificate every time, kept nowhere."""
    forge = call.gateway.forge
    lease = known(call)
    asked = await read_optional_members(call, forge.kubeconfig_members)
    if not forge.may_mint(call, lease):
        raise forge.refuse_not_active(call)
    name, until = forge.spiffe_id(call, lease), forge.expires(call, asked["ttl_seconds"])
    granted = forge.grant(call, lease, forge.leaf(call, lease, name, until))
    return reply(call, forge.minted_status, forge.minted(call, Minted(granted, name, until)))


def may_mint(call: Call, lease: Lease) -> bool:
    """While it is being set up a lease has its namespace already; once it has ended nobody gets in any more."""
    return call.gateway.forge.status_of(lease, call.state.clock.now()) in {"provisioning", "active"}


def spiffe_id(call: Call, lease: Lease) -> str:
    return f"spiffe://{call.gateway.forge.trust_domain}/tenant/{lease.tenant}/forge/{lease.id}"


def expires(call: Call, ttl_s: int) -> datetime:
    """To the second, as certificates tell time."""
    return datetime.fromtimestamp(int(call.state.clock.now()) + ttl_s, UTC)


def leaf(call: Call, lease: Lease, spiffe_id: str, until: datetime) -> Leaf:
    authority: Authority = call.state.parts["forge"].authority
    return authority.client(spiffe_id, lease.id, f"tenant:{lease.tenant}", call.state.clock.instant(), until)


def access_of(call: Call, lease: Lease, leaf: Leaf) -> Access:
    return Access(
        cluster=f"forge-{lease.metro}",
        server=call.gateway.forge.server_of(call, lease),
        authority=call.state.parts["forge"].authority.pem(),
        user=lease.id,
        leaf=leaf,
        namespace=lease.namespace,
    )


def server_of(call: Call, lease: Lease) -> str:
    """A control plane for each tenant: two tenants may call a namespace the same and never meet."""
    plane = hashlib.sha256(lease.tenant.encode()).hexdigest()[:16]
    return f"https://{plane}.{lease.metro}.k8s.forge.invalid:6443"


def minted(call: Call, made: Minted) -> Json:
    written = call.gateway.forge.write_kubeconfig(made.access)
    return {
        "kubeconfig": base64.b64encode(written).decode(),
        "expires_at": iso(made.expires.timestamp()),
        "spiffe_id": made.spiffe_id,
    }


def not_active(call: Call) -> Refusal:
    return Refusal(409, "lease_not_active", "The lease has ended or failed: nothing is left to have access to.")
