"""Availability and leases: what each operation answers. A lease of another tenant is one that does not exist."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from mockserver.call import Reply
from mockserver.refusal import Refusal
from mockserver.services.forge.leases import HOLDING, Lease, Leases
from mockserver.services.forge.stock import KINDS, METROS, MOST, REBATES, TERMS, Kind
from mockserver.services.members import (
    Members,
    checked,
    flag,
    integer,
    one_of,
    optional,
    read_members,
    refuse,
    required,
)
from mockserver.services.tenancy import tenant_name
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.services.forge.decisions import Decisions

Json = dict[str, Any]
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_RETRY_S = 60  # when to ask again for GPUs that nobody is known to give back


def label(call: Call, where: str, value: Any) -> None:
    """A name that Kubernetes takes for a namespace (RFC 1123)."""
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        refuse(call, where, "at most 63 of a-z, 0-9 and '-', with no '-' at either end")


AVAILABILITY: Members = {
    "metro": required(one_of(METROS)),
    "gpu_type": required(one_of(KINDS)),
    "count": optional(integer(1, MOST), 1),
    "term": optional(one_of(TERMS), "on_demand"),
}
LEASE: Members = {
    "metro": required(one_of(METROS)),
    "gpu_type": required(one_of(KINDS)),
    "count": required(integer(1, MOST)),
    "term": required(one_of(TERMS)),
    "namespace_name": optional(label),
    "attestation_required": optional(flag, False),
}


async def availability(call: Call) -> Reply:
    """GET forge/availability: what can be leased now, and for how much."""
    forge = _forge(call)
    asked = checked(call, _query(call), forge.availability_members)
    until = forge.next_available(call, asked)
    body = {
        "metro": asked["metro"],
        "gpu_type": asked["gpu_type"],
        "available_count": forge.free(call, asked["metro"], asked["gpu_type"]),
        "next_available_at": None if until is None else iso(until),
        "price": forge.prices(KINDS[asked["gpu_type"]]),
    }
    return reply(call, 200, body)


async def create(call: Call) -> Reply:
    """POST forge/leases: a lease, or a refusal when there are not that many GPUs left."""
    forge = _forge(call)
    asked = await read_members(call, forge.lease_members)
    if asked["metro"] not in forge.metros_of(call):
        raise forge.refuse_metro(call)
    made = forge.lease(call, asked)
    if not kept(call).add(made, lambda: forge.has_room(call, made)):
        raise forge.refuse_no_capacity(call)
    where = ("Location", f"{call.state.traits.base_path}/forge/leases/{made.id}")
    return reply(call, forge.created_status, forge.row(call, made), where)


async def list_leases(call: Call) -> Reply:
    """GET forge/leases: the caller's own, ended ones too."""
    forge = _forge(call)
    return reply(call, 200, {"data": [forge.row(call, lease) for lease in forge.listed(call)]})


async def retrieve(call: Call) -> Reply:
    return reply(call, 200, _forge(call).row(call, known(call)))


async def terminate(call: Call) -> Reply:
    """DELETE forge/leases/{lease_id}: the same answer however often it is asked."""
    lease = known(call)
    _forge(call).end(call, lease)
    return _forge(call).ended(call, lease)


def known(call: Call) -> Lease:
    """The lease of the path. Raises the refusal for one that the caller cannot know of."""
    found = _forge(call).find(call, call.params["lease_id"])
    if found is None:
        raise _forge(call).refuse_unknown(call)
    return found


def tenant_of(call: Call) -> str:
    return tenant_name(call.gateway.account_of(call))


def metros_of(call: Call) -> Sequence[str]:
    """Where the tenant may have machines: where it may be served."""
    return call.gateway.spark.metros_of(call)


def new_id(call: Call) -> str:
    return "lease-" + secrets.token_hex(12)


def find(call: Call, lease_id: str) -> Lease | None:
    return kept(call).find(lease_id, _forge(call).tenant_of(call))


def listed(call: Call) -> list[Lease]:
    return kept(call).of(_forge(call).tenant_of(call))


def namespace_of(call: Call, lease_id: str, asked: str | None) -> str:
    return asked or "forge-" + lease_id.removeprefix("lease-")[:12]


def free(call: Call, metro: str, gpu_type: str) -> int:
    return KINDS[gpu_type].each - kept(call).taken(metro, gpu_type, call.state.clock.now())


def has_room(call: Call, lease: Lease) -> bool:
    return _forge(call).free(call, lease.metro, lease.gpu_type) >= lease.count


def prices(kind: Kind) -> Json:
    """USD per GPU and hour, exact."""
    return {
        "on_demand_usd_per_gpu_hour": kind.price,
        "reserved_12mo_usd_per_gpu_hour": _cent(kind.price * (1 - REBATES["12_month"])),
        "reserved_36mo_usd_per_gpu_hour": _cent(kind.price * (1 - REBATES["36_month"])),
    }


def next_available(call: Call, asked: Mapping[str, Any]) -> float | None:
    """None when there are enough now; else when the next lease ends, or soon."""
    forge, now = _forge(call), call.state.clock.now()
    if forge.free(call, asked["metro"], asked["gpu_type"]) >= asked["count"]:
        return None
    here = [x for x in kept(call).of(None) if (x.metro, x.gpu_type) == (asked["metro"], asked["gpu_type"])]
    ends = [forge.end_of(lease) for lease in here if forge.status_of(lease, now) in HOLDING]
    return min((end for end in ends if end is not None and end > now), default=now + _RETRY_S)


def lease_of(call: Call, asked: Mapping[str, Any]) -> Lease:
    forge = _forge(call)
    name = forge.new_id(call)
    return Lease(
        id=name,
        tenant=forge.tenant_of(call),
        metro=asked["metro"],
        gpu_type=asked["gpu_type"],
        count=asked["count"],
        term=asked["term"],
        namespace=forge.namespace_of(call, name, asked["namespace_name"]),
        attested=asked["attestation_required"],
        created=call.state.clock.now(),
    )


def row(call: Call, lease: Lease) -> Json:
    forge = _forge(call)
    end = forge.end_of(lease)
    return {
        "id": lease.id,
        "status": forge.status_of(lease, call.state.clock.now()),
        "metro": lease.metro,
        "pod_id": f"pod-{lease.metro}-{int(hashlib.sha256(lease.id.encode()).hexdigest()[:4], 16) % 8 + 1}",
        "namespace": lease.namespace,
        "gpu_type": lease.gpu_type,
        "gpu_count": lease.count,
        "term": lease.term,
        "starts_at": iso(lease.created),
        "ends_at": None if end is None else iso(end),
        "kubeconfig_endpoint": f"{call.state.traits.base_path}/forge/leases/{lease.id}/kubeconfig",
    }


def end(call: Call, lease: Lease) -> None:
    kept(call).end(lease, call.state.clock.now())


def ended(call: Call, lease: Lease) -> Reply:
    return Reply(204, b"", [])


def unknown(call: Call) -> Refusal:
    return Refusal(404, "not_found", "There is no such lease.")


def other_metro(call: Call) -> Refusal:
    return Refusal(403, "sovereignty_violation", "This tenant keeps out of that metro.", "permission_error")


def no_capacity(call: Call) -> Refusal:
    message = "Not that many GPUs are free. Ask for the availability, or try again later."
    return Refusal(503, "no_capacity", message, "capacity_error", headers=(("Retry-After", str(_RETRY_S)),))


def kept(call: Call) -> Leases:
    leases: Leases = call.state.parts["forge"].leases
    return leases


def reply(call: Call, status: int, body: Any, *headers: tuple[str, str]) -> Reply:
    return Reply(status, encode(body), [("Content-Type", call.gateway.json_content_type), *headers])


def iso(seconds: float) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _query(call: Call) -> Json:
    """The query's parameters; what reads as an integer is one."""
    given = dict(parse_qsl(call.query, keep_blank_values=True))
    return {name: int(value) if _INTEGER.fullmatch(value) else value for name, value in given.items()}


def _cent(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"))


def _forge(call: Call) -> Decisions:
    return call.gateway.forge
