"""Every decision of Forge that a client can see, one field each; the defaults are the honest behaviours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mockserver.services.forge import access, kubeconfig, leases, operations
from mockserver.services.forge.kubeconfig import Access, Minted
from mockserver.services.forge.leases import Lease
from mockserver.services.members import Members
from mockserver.services.tenancy import TRUST_DOMAIN

if TYPE_CHECKING:
    from datetime import datetime

    from mockserver.call import Call, Reply
    from mockserver.refusal import Refusal
    from mockserver.services.forge.authority import Leaf
    from mockserver.services.forge.stock import Kind

Json = dict[str, Any]
Handler = Callable[["Call"], Awaitable["Reply"]]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Comments say what each field decides."""

    # -- operations
    availability: Handler = operations.availability
    create: Handler = operations.create
    list_leases: Handler = operations.list_leases
    retrieve: Handler = operations.retrieve
    terminate: Handler = operations.terminate
    mint: Handler = access.mint

    # -- what a request may say
    availability_members: Members = field(default_factory=lambda: operations.AVAILABILITY)
    lease_members: Members = field(default_factory=lambda: operations.LEASE)
    kubeconfig_members: Members = field(default_factory=lambda: access.KUBECONFIG)

    # -- whose a lease is
    tenant_of: Callable[[Call], str] = operations.tenant_of  # last part of the tenant's SPIFFE id
    metros_of: Callable[[Call], Sequence[str]] = operations.metros_of  # where the tenant may have machines
    new_id: Callable[[Call], str] = operations.new_id
    find: Callable[[Call, str], Lease | None] = operations.find  # a lease that the caller may know of
    listed: Callable[[Call], list[Lease]] = operations.listed
    namespace_of: Callable[[Call, str, str | None], str] = operations.namespace_of  # (call, lease id, asked)

    # -- stock and prices
    free: Callable[[Call, str, str], int] = operations.free  # (call, metro, GPU type): what can be leased now
    has_room: Callable[[Call, Lease], bool] = operations.has_room  # asked inside the transaction of the sale
    prices: Callable[[Kind], Json] = operations.prices
    next_available: Callable[[Call, Mapping[str, Any]], float | None] = operations.next_available

    # -- the lease
    lease: Callable[[Call, Mapping[str, Any]], Lease] = operations.lease_of  # from the members of the request
    status_of: Callable[[Lease, float], str] = leases.status_of
    end_of: Callable[[Lease], float | None] = leases.end_of  # as it is shown
    row: Callable[[Call, Lease], Json] = operations.row
    created_status: int = 201
    end: Callable[[Call, Lease], None] = operations.end
    ended: Callable[[Call, Lease], Reply] = operations.ended  # the answer to DELETE

    # -- access to the cluster
    may_mint: Callable[[Call, Lease], bool] = access.may_mint
    trust_domain: str = TRUST_DOMAIN  # of SPIFFE ids; the API is served under another name
    spiffe_id: Callable[[Call, Lease], str] = access.spiffe_id
    server_of: Callable[[Call, Lease], str] = access.server_of  # URL of the cluster's API server
    expires: Callable[[Call, int], datetime] = access.expires  # (call, seconds asked for)
    leaf: Callable[[Call, Lease, str, datetime], Leaf] = access.leaf  # (call, lease, SPIFFE id, until when)
    grant: Callable[[Call, Lease, Leaf], Access] = access.access_of
    write_kubeconfig: Callable[[Access], bytes] = kubeconfig.write
    minted: Callable[[Call, Minted], Json] = access.minted
    minted_status: int = 201

    # -- refusals
    refuse_unknown: Callable[[Call], Refusal] = operations.unknown  # 404, of another tenant's lease as well
    refuse_metro: Callable[[Call], Refusal] = operations.other_metro  # 403
    refuse_no_capacity: Callable[[Call], Refusal] = operations.no_capacity  # 503
    refuse_not_active: Callable[[Call], Refusal] = access.not_active  # 409
