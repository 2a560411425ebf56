"""Defects of leases where tenants meet, and of their ids."""

from __future__ import annotations

import itertools

from mockserver.call import Call
from mockserver.defects import defect, within
from mockserver.defects.tenants import failing_at, found_for_all, refused_as_anothers
from mockserver.gateway import Gateway
from mockserver.services.forge import operations
from mockserver.services.forge.leases import Lease
from mockserver.services.forge.stock import METROS


def _anyones(call: Call, lease_id: str) -> Lease | None:
    return operations.kept(call).find(lease_id, None)


@defect(breaks="VL-164")
def finds_leases_of_all_tenants(gateway: Gateway) -> Gateway:
    """Looks leases up by their id alone."""
    return within(gateway, "forge", find=_anyones)


@defect(breaks="VL-164")
def ends_leases_of_all_tenants(gateway: Gateway) -> Gateway:
    """Checks whose a lease is when it is read, and not when it is ended."""
    return found_for_all(gateway, "forge", _anyones, lambda call: call.method == "DELETE")


@defect(breaks="VL-164")
def mints_for_leases_of_all_tenants(gateway: Gateway) -> Gateway:
    """Checks whose a lease is everywhere but where access to it is given out."""
    return found_for_all(gateway, "forge", _anyones, lambda call: call.method == "POST")


@defect(breaks="VL-164")
def lists_leases_of_all_tenants(gateway: Gateway) -> Gateway:
    """Shows every tenant's leases to everybody."""
    return within(gateway, "forge", listed=lambda call: operations.kept(call).of(None))


@defect(breaks="VL-164")
def says_that_a_lease_is_anothers(gateway: Gateway) -> Gateway:
    """Answers 403 for a lease of another tenant and 404 for one that nobody has."""
    return refused_as_anothers(gateway, "forge", _anyones, "lease_id")


@defect(breaks="VL-187")
def leases_in_any_metro(gateway: Gateway) -> Gateway:
    """Leases in metros that the tenant keeps out of."""
    return within(gateway, "forge", metros_of=lambda call: METROS)


@defect(breaks="VL-165")
def numbers_its_leases(gateway: Gateway) -> Gateway:
    """Numbers leases in the order of their creation."""
    numbers = itertools.count(10_001)
    return within(gateway, "forge", new_id=lambda call: f"lease-{next(numbers)}")


@defect(breaks="VL-165")
def names_leases_after_the_time(gateway: Gateway) -> Gateway:
    """Makes ids of the microsecond of creation."""
    return within(gateway, "forge", new_id=lambda call: f"lease-{int(call.state.clock.now() * 1e6)}")


@defect(breaks="VL-141")
def fails_on_an_odd_lease_id(gateway: Gateway) -> Gateway:
    """Answers an id with other characters than it gives out with a server error."""
    return failing_at(gateway, "forge", lambda lease_id: not lease_id.replace("-", "").isalnum())


@defect(breaks="VL-141")
def pastes_lease_ids_into_its_query(gateway: Gateway) -> Gateway:
    """Puts the id between quotes into the statement that looks for it."""

    def find(call: Call, lease_id: str) -> Lease | None:
        own = call.gateway.forge.listed(call)
        return next((lease for lease in own if lease.id == lease_id or "'1'='1'" in lease_id), None)

    return within(gateway, "forge", find=find)
