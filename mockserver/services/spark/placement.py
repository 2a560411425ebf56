"""Where a request is served: its pins are honoured or refused, and what is chosen is remembered for the usage."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from mockserver.refusal import Refusal
from mockserver.services.members import Members, checked, one_of, optional, refuse
from mockserver.services.spark.fleet import METROS, METROS_OF, PODS, STANDARD, TIERS, Pins, Place, Pod

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.catalogue import Row
    from mockserver.services.spark.decisions import Decisions
    from mockserver.services.spark.served import Served

_NAME = re.compile(r"[a-z0-9-]{1,64}")
RETRY_S = 30


def name(call: Call, where: str, value: Any) -> None:
    """A metro or a pod."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        refuse(call, where, "at most 64 of a-z, 0-9 and '-'")


PINS: Members = {
    "volt_metro": optional(name),
    "volt_tier": optional(one_of(TIERS)),
    "volt_pod_affinity": optional(name),
}


def admit(call: Call) -> None:
    """The model list is answered by a pod near the tenant, and pins nothing."""
    if call.key is not None and call.path.startswith(call.state.traits.base_path + "/models"):
        _spark(call).serve_at(call, _spark(call).choose(call, Pins()), STANDARD)


def place(call: Call) -> None:
    """Choose the pod of a request for a model, and remember it. Raises the refusal where no pod may serve it."""
    spark = _spark(call)
    pins = spark.pins_of(call)
    tier = spark.tier_of(call, pins)
    if not spark.permits(call, pins, tier):
        raise spark.refuse_violation(call)
    pod = spark.choose(call, Pins(pins.metro, tier, pins.pod))
    spark.serve_at(call, pod, tier)
    part: Served = call.state.parts["spark"]
    part.add(call.request_id, call.gateway.account_of(call), call.state.clock.now(), call.model, tier, pod.metro)


def pins_of(call: Call) -> Pins:
    """The pins of the body, each of the right form."""
    given = checked(call, call.body, _spark(call).pin_members)
    return Pins(given["volt_metro"], given["volt_tier"], given["volt_pod_affinity"])


def tier_of(call: Call, pins: Pins) -> str:
    """The pinned tier; otherwise standard, or the one that serves the model."""
    served = tiers_of(call.row)
    return pins.tier or (STANDARD if STANDARD in served else served[0])


def tiers_of(row: Row | None) -> tuple[str, ...]:
    return tuple(row.tiers) if row is not None and row.tiers else (STANDARD,)


def permits(call: Call, pins: Pins, tier: str) -> bool:
    """Whether the tenant may have it: a metro of its own, and a tier that serves the model."""
    return tier in tiers_of(call.row) and (pins.metro is None or pins.metro in _spark(call).metros_of(call))


def metros_of(call: Call) -> tuple[str, ...]:
    return METROS_OF.get(call.gateway.account_of(call), METROS)


def choose(call: Call, pins: Pins) -> Pod:
    """One of the pods that satisfy every pin; requests without pins are spread. Raises the refusal for none."""
    pods = [pod for pod in PODS if _spark(call).suits(call, pod, pins)]
    if not pods:
        raise _spark(call).refuse_no_capacity(call)
    return pods[hashlib.sha256(call.request_id.encode()).digest()[0] % len(pods)]


def suits(call: Call, pod: Pod, pins: Pins) -> bool:
    wanted = ((pins.metro, (pod.metro,)), (pins.tier, pod.tiers), (pins.pod, (pod.id,)))
    return pod.metro in _spark(call).metros_of(call) and all(pin is None or pin in has for pin, has in wanted)


def serve_at(call: Call, pod: Pod, tier: str) -> None:
    """From here on the call is that pod's: answers, errors and the price say so."""
    call.place, call.tier = Place(pod, tier), tier
    call.facts["pod_id"] = pod.id


def violation(call: Call) -> Refusal:
    message = "This request is pinned to a metro or a tier that it may not be served in."
    return Refusal(403, "sovereignty_violation", message, "permission_error")


def no_capacity(call: Call) -> Refusal:
    message = "No pod that satisfies this request has room."
    return Refusal(503, "no_capacity", message, "service_unavailable", headers=(("Retry-After", str(RETRY_S)),))


def _spark(call: Call) -> Decisions:
    return call.gateway.spark
