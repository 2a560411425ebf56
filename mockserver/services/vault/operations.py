"""Racks: what each operation answers. A rack of another tenant is one that does not exist."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mockserver.refusal import Refusal
from mockserver.services.forge.operations import iso, reply
from mockserver.services.members import Members, flag, one_of, optional, read_members, refuse, required
from mockserver.services.vault.racks import GPUS, METROS, MONTHS, NODES, TEMPLATES, Rack, Racks

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.vault.decisions import Decisions

Json = dict[str, Any]
_ARN = re.compile(
    r"arn:aws(-[a-z]+){0,2}:kms:[a-z]{2}(-[a-z]+){1,2}-[0-9]:[0-9]{12}:"
    r"(key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})|alias/[A-Za-z0-9/_-]{1,200})"
)


def key_arn(call: Call, where: str, value: Any) -> None:
    """The name of a key, never an address: nothing is fetched on a customer's word."""
    if not isinstance(value, str) or len(value) > 300 or not _ARN.fullmatch(value):
        refuse(call, where, "the ARN of an AWS KMS key")


RACK: Members = {
    "metro": required(one_of(METROS)),
    "gpu_type": required(one_of(GPUS)),
    "term": required(one_of(MONTHS)),
    "rack_template": optional(one_of(TEMPLATES), "standard_8gpu"),
    "managed_kubernetes": optional(flag, False),
    "customer_kms_arn": optional(key_arn),
}


async def request(call: Call) -> Reply:
    """POST vault/racks: taken down, and built later."""
    vault = _vault(call)
    asked = await read_members(call, vault.rack_members)
    if asked["metro"] not in vault.metros_of(call):
        raise call.gateway.forge.refuse_metro(call)
    made = vault.rack(call, asked)
    kept(call).add(made)
    where = ("Location", f"{call.state.traits.base_path}/vault/racks/{made.id}")
    return reply(call, vault.requested_status, vault.row(call, made), where)


async def list_racks(call: Call) -> Reply:
    """GET vault/racks: the caller's own, those that are gone too."""
    vault = _vault(call)
    return reply(call, 200, {"data": [vault.row(call, rack) for rack in vault.listed(call)]})


async def retrieve(call: Call) -> Reply:
    return reply(call, 200, _vault(call).row(call, known(call)))


def known(call: Call) -> Rack:
    """The rack of the path. Raises the refusal for one that the caller cannot know of."""
    found = _vault(call).find(call, call.params["rack_id"])
    if found is None:
        raise _vault(call).refuse_unknown(call)
    return found


def ready(call: Call) -> Rack:
    """The rack of the path, once it stands. Raises a refusal."""
    rack = known(call)
    if not _vault(call).is_ready(call, rack):
        raise _vault(call).refuse_not_ready(call)
    return rack


def metros_of(call: Call) -> Sequence[str]:
    """Where the tenant may have machines."""
    return call.gateway.forge.metros_of(call)


def new_id(call: Call) -> str:
    return "rack-" + secrets.token_hex(12)


def find(call: Call, rack_id: str) -> Rack | None:
    return kept(call).find(rack_id, call.gateway.forge.tenant_of(call))


def listed(call: Call) -> list[Rack]:
    return kept(call).of(call.gateway.forge.tenant_of(call))


def rack_of(call: Call, asked: Mapping[str, Any]) -> Rack:
    return Rack(
        id=_vault(call).new_id(call),
        tenant=call.gateway.forge.tenant_of(call),
        metro=asked["metro"],
        gpu_type=asked["gpu_type"],
        term=asked["term"],
        template=asked["rack_template"],
        managed=asked["managed_kubernetes"],
        kms=asked["customer_kms_arn"],
        created=call.state.clock.now(),
    )


def row(call: Call, rack: Rack) -> Json:
    """Its term begins when it is handed over, so until then its days are not known."""
    vault = _vault(call)
    status = vault.status_of(rack, call.state.clock.now())
    stands = status not in {"requested", "procuring", "deploying"}
    return {
        "id": rack.id,
        "status": status,
        "metro": rack.metro,
        "pod_id": vault.pod_of(call, rack),
        "gpu_type": rack.gpu_type,
        "term": rack.term,
        "rack_template": rack.template,
        "managed_kubernetes": rack.managed,
        "customer_kms_arn": rack.kms,
        "nodes": [vault.node(call, rack, name) for name in vault.nodes_of(call, rack)],
        "starts_at": iso(rack.begins) if stands else None,
        "ends_at": iso(rack.ends) if stands else None,
    }


def pod_of(call: Call, rack: Rack) -> str:
    return rack.pod


def nodes_of(call: Call, rack: Rack) -> list[str]:
    """Host names; there are none before the machines have been bought."""
    if _vault(call).status_of(rack, call.state.clock.now()) in {"requested", "procuring"}:
        return []
    return [f"n{n}.{rack.pod}.vault.invalid" for n in range(1, NODES + 1)]


def node(call: Call, rack: Rack, hostname: str) -> Json:
    return {
        "hostname": hostname,
        "gpu_type": rack.gpu_type,
        "gpu_count": _vault(call).gpus_of(call, rack),
        "attestation_status": _vault(call).attestation_status(call, rack, hostname),
    }


def gpus_of(call: Call, rack: Rack) -> int:
    return TEMPLATES[rack.template]


def is_ready(call: Call, rack: Rack) -> bool:
    return _vault(call).status_of(rack, call.state.clock.now()) == "ready"


def unknown(call: Call) -> Refusal:
    return Refusal(404, "not_found", "There is no such rack.")


def not_ready(call: Call) -> Refusal:
    return Refusal(409, "rack_not_ready", "The rack is not in service: it is still being built, or its term is over.")


def kept(call: Call) -> Racks:
    racks: Racks = call.state.parts["vault"]
    return racks


def _vault(call: Call) -> Decisions:
    return call.gateway.vault
