"""Defects of sampling: defaults, bounds and seeds that are not the documented ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import admission, completion, text
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.overrides import forgetting
from mockserver.gateway import Gateway
from mockserver.upstream import Job

Json = dict[str, Any]
VULTR = ("vultr-inference",)


def asking(gateway: Gateway, change: Callable[[Call, Json], Json]) -> Gateway:
    """What the provider is asked is changed."""
    return replace(gateway, upstream_body=lambda call: change(call, completion.upstream_body(call)))


@defect(breaks="VU-003", contracts=VULTR)
def tells_voices_to_anybody(gateway: Gateway) -> Gateway:
    """Asks for no key where it lists the voices."""
    needs_key = gateway.needs_key
    return replace(gateway, needs_key=lambda call: not call.path.endswith("/voices") and needs_key(call))


@defect(breaks=("VU-014", "VU-034"), contracts=VULTR)
def has_no_bound_by_default(gateway: Gateway) -> Gateway:
    """Takes no max_tokens for as many tokens as the model can write."""

    def bound(call: Call) -> int:
        assert call.row is not None
        return call.row.output if call.body.get("max_tokens") is None else admission.max_tokens(call)

    return asking(replace(gateway, max_tokens=bound), lambda call, body: {**body, "max_tokens": call.max_tokens})


@defect(breaks="VU-015", contracts=VULTR)
def takes_a_random_seed_for_a_seed(gateway: Gateway) -> Gateway:
    """Sends the seed that asks for chance to the provider as it is."""

    def body(call: Call, asked: Json) -> Json:
        return {**asked, "seed": call.body["seed"]} if call.body.get("seed") is not None else asked

    return asking(gateway, body)


@defect(breaks="VU-015", contracts=VULTR)
def reads_every_seed_as_the_same(gateway: Gateway) -> Gateway:
    """Draws the same lots for every seed."""

    def rng_of(job: Job, choice: int) -> random.Random:
        body = job.body if job.body.get("seed") is None else {**job.body, "seed": 1}
        return text.rng_of(replace_body(job, body), choice)

    return replace(gateway, rng_of=rng_of)


@defect(breaks="VU-017", contracts=VULTR)
def lets_a_random_seed_win_over_temperature_0(gateway: Gateway) -> Gateway:
    """Draws lots at temperature 0 where the seed asks for chance."""

    def body(call: Call, asked: Json) -> Json:
        lots = call.body.get("seed") == call.state.traits.random_seed and call.body.get("temperature") == 0
        return {**asked, "temperature": 1} if lots else asked

    return asking(gateway, body)


@defect(breaks="VU-016", contracts=VULTR)
def samples_at_temperature_1_by_default(gateway: Gateway) -> Gateway:
    """Leaves the temperature to the provider where the client gives none."""

    def body(call: Call, asked: Json) -> Json:
        return {**asked, "temperature": call.body.get("temperature", 1)}

    return asking(gateway, body)


@defect(breaks="VU-016", contracts=VULTR)
def takes_a_temperature_above_2(gateway: Gateway) -> Gateway:
    """Reads a temperature above 2 as none."""
    return replace(gateway, decode_body=forgetting("temperature", lambda value: value in (2.1, -0.1)))


@defect(breaks="VU-018", contracts=VULTR)
def drops_the_default_of_top_k(gateway: Gateway) -> Gateway:
    """Leaves top_k to the provider where the client gives none."""

    def body(call: Call, asked: Json) -> Json:
        return {name: value for name, value in asked.items() if name != "top_k" or call.body.get(name) is not None}

    return asking(gateway, body)


@defect(breaks=("VU-018", "VU-037", "OC-171"), contracts=VULTR)
def takes_any_top_k(gateway: Gateway) -> Gateway:
    """Looks at no parameter that is the contract's own."""
    return replace(gateway, check_extra=lambda call, body: None)


@defect(breaks="VU-150", contracts=VULTR)
def refuses_a_fraction_of_top_k(gateway: Gateway) -> Gateway:
    """Takes whole numbers alone as top_k."""
    check_extra = gateway.check_extra

    def check(call: Call, body: Json) -> None:
        check_extra(call, body)
        if isinstance(body.get("top_k"), float):
            raise call.gateway.refuse_parameter(call, "top_k", "Invalid value for 'top_k': expected an integer.")

    return replace(gateway, check_extra=check)


@defect(breaks="VU-019", contracts=VULTR)
def samples_from_all_tokens_by_default(gateway: Gateway) -> Gateway:
    """Asks the provider for a top_p of 1 where the client gives none."""
    return asking(gateway, lambda call, body: {**body, "top_p": call.body.get("top_p", 1)})


@defect(breaks="VU-019", contracts=VULTR)
def takes_a_top_p_above_1(gateway: Gateway) -> Gateway:
    """Reads a top_p above 1 as none."""
    return replace(gateway, decode_body=forgetting("top_p", lambda value: value in (1.1, -0.1)))


def replace_body(job: Job, body: Json) -> Job:
    """The job with another body."""
    return replace(job, body=body)
