"""Defects of racks: what stands there, where, and whose it is."""

from __future__ import annotations

import contextlib
import itertools
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from mockserver.call import Call
from mockserver.defects import defect, within
from mockserver.defects.tenants import failing_at, found_for_all, refused_as_anothers
from mockserver.gateway import Gateway
from mockserver.services.members import Member, Members, flag, one_of, optional, text
from mockserver.services.vault import operations, racks
from mockserver.services.vault.racks import Rack

Json = dict[str, Any]


def telling(gateway: Gateway, change: Callable[[Call, Rack, Json], Json]) -> Gateway:
    """Racks that are told in another way."""
    honest = gateway.vault.row
    return within(gateway, "vault", row=lambda call, rack: change(call, rack, honest(call, rack)))


def taking(gateway: Gateway, **members: Member) -> Gateway:
    changed: Members = MappingProxyType({**gateway.vault.rack_members, **members})
    return within(gateway, "vault", rack_members=changed)


@defect(breaks="VL-050")
def puts_two_tenants_into_one_pod(gateway: Gateway) -> Gateway:
    """Places all racks of a metro into one pod."""
    return within(gateway, "vault", pod_of=lambda call, rack: f"vault-{rack.metro}-1")


@defect(breaks="VL-050")
def shares_hosts_between_tenants(gateway: Gateway) -> Gateway:
    """Gives every tenant the same machines."""

    def nodes_of(call: Call, rack: Rack) -> list[str]:
        return [f"n{n}.{rack.metro}.vault.invalid" for n, _ in enumerate(operations.nodes_of(call, rack), start=1)]

    return within(gateway, "vault", nodes_of=nodes_of)


@defect(breaks=("VL-050", "VL-051", "VL-053"))
def builds_where_there_is_room(gateway: Gateway) -> Gateway:
    """Builds a rack in another metro than was asked for."""
    honest = gateway.vault.rack
    return within(gateway, "vault", rack=lambda call, asked: replace(honest(call, asked), metro="iad"))


@defect(breaks="VL-051")
def answers_a_rack_with_200(gateway: Gateway) -> Gateway:
    """Takes a request down and answers 200."""
    return within(gateway, "vault", requested_status=200)


@defect(breaks=("VL-051", "VL-053", "VL-171"))
def ignores_the_template(gateway: Gateway) -> Gateway:
    """Builds the standard rack whatever was asked for."""
    honest = gateway.vault.rack
    return within(gateway, "vault", rack=lambda call, asked: replace(honest(call, asked), template="standard_8gpu"))


@defect(breaks="VL-052")
def lists_the_newest_rack_only(gateway: Gateway) -> Gateway:
    """Shows the last rack that was requested, and no other."""
    honest = gateway.vault.listed
    return within(gateway, "vault", listed=lambda call: honest(call)[-1:])


@defect(breaks="VL-053")
def reads_the_first_rack_for_every_id(gateway: Gateway) -> Gateway:
    """Answers with the tenant's first rack, whichever was asked for."""
    honest = gateway.vault.find

    def find(call: Call, rack_id: str) -> Rack | None:
        return call.gateway.vault.listed(call)[0] if honest(call, rack_id) else None

    return within(gateway, "vault", find=find)


@defect(breaks="VL-170")
def never_gets_a_rack_ready(gateway: Gateway) -> Gateway:
    """Leaves racks in deploying."""
    return within(
        gateway, "vault", status_of=lambda rack, now: racks.status_of(rack, now).replace("ready", "deploying")
    )


@defect(breaks="VL-170")
def has_rack_states_of_its_own(gateway: Gateway) -> Gateway:
    """Calls a rack in service online."""
    return telling(gateway, lambda call, rack, row: {**row, "status": row["status"].replace("ready", "online")})


@defect(breaks="VL-170")
def is_ready_before_it_is_built(gateway: Gateway) -> Gateway:
    """Calls a rack ready as soon as it was requested."""
    return within(gateway, "vault", status_of=lambda rack, now: "ready")


@defect(breaks="VL-171")
def delivers_half_the_gpus(gateway: Gateway) -> Gateway:
    """Puts half the GPUs into each node that the template says."""
    honest = gateway.vault.gpus_of
    return within(gateway, "vault", gpus_of=lambda call, rack: honest(call, rack) // 2)


@defect(breaks="VL-171", also=("VL-181",))
def delivers_another_gpu_in_one_node(gateway: Gateway) -> Gateway:
    """Puts an older GPU into the last node."""
    honest = gateway.vault.node

    def node(call: Call, rack: Rack, name: str) -> Json:
        return {**honest(call, rack, name), **({"gpu_type": "h200"} if name.startswith("n4") else {})}

    return within(gateway, "vault", node=node)


@defect(breaks="VL-172")
def takes_racks_by_the_year(gateway: Gateway) -> Gateway:
    """Takes the terms of leases for racks too, and binds for three years."""
    honest = gateway.vault.rack

    def bound(call: Call, asked: Mapping[str, Any]) -> Rack:
        made = honest(call, asked)
        return replace(made, term=made.term if made.term in racks.MONTHS else "36_month")

    changed = taking(gateway, term=Member(one_of(("12_month", "on_demand", *racks.MONTHS)), required=True))
    return within(changed, "vault", rack=bound)


@defect(breaks="VL-172")
def takes_text_for_a_flag(gateway: Gateway) -> Gateway:
    """Reads any text as true."""
    honest = gateway.vault.rack

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, str):
            flag(call, where, value)

    changed = taking(gateway, managed_kubernetes=optional(check, False))
    made = lambda call, asked: replace(honest(call, asked), managed=bool(asked["managed_kubernetes"]))  # noqa: E731
    return within(changed, "vault", rack=made)


@defect(breaks="VL-172")
def builds_in_the_first_metro(gateway: Gateway) -> Gateway:
    """Takes a rack without a metro for one in the first."""
    return taking(gateway, metro=optional(one_of(racks.METROS), racks.METROS[0]))


@defect(breaks="VL-173")
def takes_any_text_for_a_key(gateway: Gateway) -> Gateway:
    """Accepts every text as the ARN of a key."""
    return taking(gateway, customer_kms_arn=optional(text(1, 10_000)))


@defect(breaks="VL-173")
def fetches_what_a_key_is_called(gateway: Gateway) -> Gateway:
    """Fetches an address that stands for a key before it refuses it."""

    def check(call: Call, where: str, value: Any) -> None:
        if isinstance(value, str) and value.startswith("http://127.0.0.1:"):
            with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(value, timeout=0.05):  # noqa: S310
                pass
        operations.key_arn(call, where, value)

    return taking(gateway, customer_kms_arn=optional(check))


@defect(breaks="VL-173")
def looks_at_the_start_of_a_key(gateway: Gateway) -> Gateway:
    """Checks only that the name of a key begins like an ARN of KMS."""

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, str) or not value.startswith("arn:aws:kms:"):
            operations.key_arn(call, where, value)

    return taking(gateway, customer_kms_arn=optional(check))


# --- Tenants -----------------------------------------------------------------------------------------------------


def _anyones(call: Call, rack_id: str) -> Rack | None:
    return operations.kept(call).find(rack_id, None)


@defect(breaks="VL-184")
def finds_racks_of_all_tenants(gateway: Gateway) -> Gateway:
    """Looks racks up by their id alone."""
    return within(gateway, "vault", find=_anyones)


@defect(breaks="VL-184")
def mints_passwords_for_all_racks(gateway: Gateway) -> Gateway:
    """Checks whose a rack is everywhere but where passwords are given out."""
    return found_for_all(gateway, "vault", _anyones, lambda call: call.method == "POST")


@defect(breaks="VL-184")
def reports_on_racks_of_all_tenants(gateway: Gateway) -> Gateway:
    """Shows everybody the report on every rack."""
    return found_for_all(gateway, "vault", _anyones, lambda call: call.path.endswith("/attestation"))


@defect(breaks=("VL-050", "VL-184"))
def lists_racks_of_all_tenants(gateway: Gateway) -> Gateway:
    """Shows every tenant's racks to everybody."""
    return within(gateway, "vault", listed=lambda call: operations.kept(call).of(None))


@defect(breaks="VL-184")
def says_that_a_rack_is_anothers(gateway: Gateway) -> Gateway:
    """Answers 403 for a rack of another tenant and 404 for one that nobody has."""
    return refused_as_anothers(gateway, "vault", _anyones, "rack_id")


@defect(breaks="VL-187")
def builds_in_any_metro(gateway: Gateway) -> Gateway:
    """Builds racks in metros that the tenant keeps out of."""
    return within(gateway, "vault", metros_of=lambda call: racks.METROS)


@defect(breaks="VL-185")
def numbers_its_racks(gateway: Gateway) -> Gateway:
    """Numbers racks in the order of their requests."""
    numbers = itertools.count(1)
    return within(gateway, "vault", new_id=lambda call: f"rack-{next(numbers):08d}")


@defect(breaks="VL-141")
def fails_on_an_odd_rack_id(gateway: Gateway) -> Gateway:
    """Answers an id with other characters than it gives out with a server error."""
    return failing_at(gateway, "vault", lambda rack_id: not rack_id.isascii() or "\x00" in rack_id)
