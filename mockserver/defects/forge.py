"""Defects of leases: stock that does not add up, terms and states that do not hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.forge import leases, operations
from mockserver.services.forge.leases import Lease
from mockserver.services.forge.stock import KINDS, Kind
from mockserver.services.members import Member, Members, integer, one_of, optional, text

Json = dict[str, Any]


def telling(gateway: Gateway, change: Callable[[Call, Lease, Json], Json]) -> Gateway:
    """Leases that are told in another way."""
    honest = gateway.forge.row
    return within(gateway, "forge", row=lambda call, lease: change(call, lease, honest(call, lease)))


def taking(gateway: Gateway, **members: Member) -> Gateway:
    """Orders whose members are looked at with other eyes."""
    changed: Members = MappingProxyType({**gateway.forge.lease_members, **members})
    return within(gateway, "forge", lease_members=changed)


def ordering(gateway: Gateway, change: Callable[[Lease], Lease]) -> Gateway:
    """Leases that are kept otherwise than they were ordered."""
    honest = gateway.forge.lease
    return within(gateway, "forge", lease=lambda call, asked: change(honest(call, asked)))


# --- Availability ------------------------------------------------------------------------------------------------


@defect(breaks="VL-041")
def has_less_than_nothing_free(gateway: Gateway) -> Gateway:
    """Tells a negative number of GPUs that are free."""
    return within(gateway, "forge", free=lambda call, metro, gpu_type: -1)


@defect(breaks="VL-041")
def tells_prices_as_text(gateway: Gateway) -> Gateway:
    """Sends the prices as strings with a currency sign."""
    honest = gateway.forge.prices
    return within(gateway, "forge", prices=lambda kind: {name: f"${price}" for name, price in honest(kind).items()})


@defect(breaks="VL-156")
def saves_less_than_promised(gateway: Gateway) -> Gateway:
    """Takes 30 per cent off for 36 months, where 60 were promised."""
    return within(gateway, "forge", prices=_at_rates("0.45", "0.30"))


@defect(breaks="VL-156")
def takes_the_rebates_the_wrong_way(gateway: Gateway) -> Gateway:
    """Charges 45 and 60 per cent of the price, where as much was to be saved."""
    return within(gateway, "forge", prices=_at_rates("0.55", "0.40"))


def _at_rates(one_year: str, three_years: str) -> Callable[[Kind], Json]:
    def prices(kind: Kind) -> Json:
        return {
            "on_demand_usd_per_gpu_hour": kind.price,
            "reserved_12mo_usd_per_gpu_hour": kind.price * (1 - Decimal(one_year)),
            "reserved_36mo_usd_per_gpu_hour": kind.price * (1 - Decimal(three_years)),
        }

    return prices


@defect(breaks="VL-154", also=("VL-155",))
def forgets_what_is_leased(gateway: Gateway) -> Gateway:
    """Tells as available what stands in the metro, leased or not."""
    return within(gateway, "forge", free=lambda call, metro, gpu_type: KINDS[gpu_type].each)


@defect(breaks="VL-154")
def never_gives_gpus_back(gateway: Gateway) -> Gateway:
    """Goes on counting the GPUs of leases that have ended."""

    def free(call: Call, metro: str, gpu_type: str) -> int:
        mine = [x for x in operations.kept(call).of(None) if (x.metro, x.gpu_type) == (metro, gpu_type)]
        return KINDS[gpu_type].each - sum(lease.count for lease in mine)

    return within(gateway, "forge", free=free)


@defect(breaks="VL-155")
def sells_what_it_does_not_have(gateway: Gateway) -> Gateway:
    """Accepts every order, however few GPUs are left."""
    return within(gateway, "forge", has_room=lambda call, lease: True)


@defect(breaks="VL-155")
def cuts_an_order_that_does_not_fit(gateway: Gateway) -> Gateway:
    """Leases the GPUs that are left to an order that wants more."""
    forge = gateway.forge

    def fitted(call: Call, asked: Mapping[str, Any]) -> Lease:
        lease = forge.lease(call, asked)
        left = forge.free(call, lease.metro, lease.gpu_type)
        return replace(lease, count=min(lease.count, max(left, 1)))

    return within(gateway, "forge", lease=fitted)


# --- Orders ------------------------------------------------------------------------------------------------------


@defect(breaks="VL-042")
def answers_an_order_with_200(gateway: Gateway) -> Gateway:
    """Creates a lease and answers 200."""
    return within(gateway, "forge", created_status=200)


@defect(breaks=("VL-042", "VL-044"), also=("VL-155",))
def leases_one_gpu_whatever_is_ordered(gateway: Gateway) -> Gateway:
    """Takes every order for one GPU."""
    return ordering(gateway, lambda lease: replace(lease, count=1))


@defect(breaks=("VL-042", "VL-044"))
def moves_leases_to_another_metro(gateway: Gateway) -> Gateway:
    """Places a lease where there is room, and not where it was ordered."""
    return ordering(gateway, lambda lease: replace(lease, metro="sjc"))


@defect(breaks="VL-152")
def takes_any_number_of_gpus(gateway: Gateway) -> Gateway:
    """Takes orders for more GPUs than a lease may have."""
    return taking(gateway, count=Member(integer(1), required=True))


@defect(breaks="VL-152")
def takes_an_order_for_nothing(gateway: Gateway) -> Gateway:
    """Creates leases of no GPU at all."""
    return taking(gateway, count=Member(integer(0, 1024), required=True))


@defect(breaks="VL-152")
def picks_a_metro_when_none_is_named(gateway: Gateway) -> Gateway:
    """Takes an order without a metro for the first one."""
    return taking(gateway, metro=optional(one_of(("fra", "iad", "sjc")), "fra"))


@defect(breaks="VL-152")
def takes_a_missing_term_for_a_year(gateway: Gateway) -> Gateway:
    """Binds an order without a term for twelve months."""
    return taking(gateway, term=optional(one_of(("on_demand", "12_month", "36_month")), "12_month"))


@defect(breaks="VL-157")
def takes_any_text_for_a_namespace(gateway: Gateway) -> Gateway:
    """Accepts every text as the name of a namespace."""
    return taking(gateway, namespace_name=optional(text(0, None)))


@defect(breaks="VL-157")
def looks_at_the_first_line_of_a_namespace(gateway: Gateway) -> Gateway:
    """Checks a namespace with a pattern that a line end slips past."""
    label = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", re.MULTILINE)

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, str) or not label.search(value):
            operations.label(call, where, "")

    return taking(gateway, namespace_name=optional(check))


@defect(breaks="VL-157", also=("VL-040",))
def shortens_a_namespace(gateway: Gateway) -> Gateway:
    """Keeps the first 20 characters of a namespace name."""
    honest = gateway.forge.namespace_of

    def cut(call: Call, lease_id: str, asked: str | None) -> str:
        return honest(call, lease_id, asked)[:20]

    return within(gateway, "forge", namespace_of=cut)


@defect(breaks="VL-157")
def writes_the_namespace_into_a_header(gateway: Gateway) -> Gateway:
    """Names the namespace in a header of the answer, whatever it holds."""

    def check(call: Call, where: str, value: Any) -> None:
        lines = str(value).splitlines()
        call.facts["lines"] = [tuple(line.split(": ", 1)) for line in lines if ": " in line]
        operations.label(call, where, value)

    honest = gateway.error_reply

    def reply(call: Call, refusal: Any) -> Reply:
        made = honest(call, refusal)
        return replace(made, headers=[*made.headers, *call.facts.get("lines", [])])

    return replace(taking(gateway, namespace_name=optional(check)), error_reply=reply)


# --- Leases ------------------------------------------------------------------------------------------------------


@defect(breaks="VL-040")
def leases_into_no_namespace(gateway: Gateway) -> Gateway:
    """Tells no namespace of a lease."""
    return telling(gateway, lambda call, lease, row: {**row, "namespace": None})


@defect(breaks="VL-043")
def lists_the_newest_lease_only(gateway: Gateway) -> Gateway:
    """Shows the last lease that was created, and no other."""
    honest = gateway.forge.listed
    return within(gateway, "forge", listed=lambda call: honest(call)[-1:])


@defect(breaks="VL-043")
def lists_a_lease_twice(gateway: Gateway) -> Gateway:
    """Shows every lease on two pages of one."""
    honest = gateway.forge.listed
    return within(gateway, "forge", listed=lambda call: [*honest(call), *honest(call)])


@defect(breaks="VL-044")
def reads_the_first_lease_for_every_id(gateway: Gateway) -> Gateway:
    """Answers with the tenant's first lease, whichever was asked for."""
    honest = gateway.forge.find

    def find(call: Call, lease_id: str) -> Lease | None:
        found = honest(call, lease_id)
        return call.gateway.forge.listed(call)[0] if found and call.method == "GET" else found

    return within(gateway, "forge", find=find)


@defect(breaks="VL-045", also=("VL-150", "VL-154", "VL-163"))
def says_it_terminated_and_does_not(gateway: Gateway) -> Gateway:
    """Answers 204 to DELETE and lets the lease run on."""
    return within(gateway, "forge", end=lambda call, lease: None)


@defect(breaks="VL-045", also=("VL-154",))
def terminates_for_ever(gateway: Gateway) -> Gateway:
    """Leaves a lease that was ended in terminating."""

    def status_of(lease: Lease, now: float) -> str:
        return leases.status_of(lease, now).replace("terminated", "terminating")

    return within(gateway, "forge", status_of=status_of)


@defect(breaks="VL-150", also=("VL-163",))
def is_provisioning_for_ever(gateway: Gateway) -> Gateway:
    """Never sets a lease up."""

    def status_of(lease: Lease, now: float) -> str:
        return leases.status_of(lease, now).replace("active", "provisioning")

    return within(gateway, "forge", status_of=status_of)


@defect(breaks="VL-150", also=("VL-045",))
def has_states_of_its_own(gateway: Gateway) -> Gateway:
    """Calls an active lease running."""
    return telling(gateway, lambda call, lease, row: {**row, "status": row["status"].replace("active", "running")})


@defect(breaks=("VL-045", "VL-150"))
def wakes_up_when_it_is_ended(gateway: Gateway) -> Gateway:
    """Goes through provisioning again while it is terminated."""

    def status_of(lease: Lease, now: float) -> str:
        return leases.status_of(lease, now).replace("terminating", "provisioning")

    return within(gateway, "forge", status_of=status_of)


@defect(breaks="VL-151")
def fails_to_terminate_twice(gateway: Gateway) -> Gateway:
    """Answers 409 to DELETE of a lease that has ended."""
    honest = gateway.forge.ended

    def ended(call: Call, lease: Lease) -> Reply:
        if lease.ended is not None:
            raise call.gateway.forge.refuse_not_active(call)
        return honest(call, lease)

    return within(gateway, "forge", ended=ended)


@defect(breaks="VL-151")
def forgets_ended_leases(gateway: Gateway) -> Gateway:
    """Answers 404 to DELETE of a lease that has ended."""
    honest = gateway.forge.find

    def find(call: Call, lease_id: str) -> Lease | None:
        found = honest(call, lease_id)
        return None if found and found.ended is not None and call.method == "DELETE" else found

    return within(gateway, "forge", find=find)


@defect(breaks="VL-153")
def ends_leases_on_demand(gateway: Gateway) -> Gateway:
    """Gives a lease on demand an end a month later."""

    def end_of(lease: Lease) -> float | None:
        return leases.end_of(lease) or leases.term_end(lease.created, 1)

    return within(gateway, "forge", end_of=end_of)


@defect(breaks="VL-153")
def takes_a_year_for_360_days(gateway: Gateway) -> Gateway:
    """Ends a reserved term after months of thirty days."""

    def end_of(lease: Lease) -> float | None:
        months = {"12_month": 12, "36_month": 36}.get(lease.term)
        return lease.created + months * 30 * 86_400 if months else leases.end_of(lease)

    return within(gateway, "forge", end_of=end_of)
