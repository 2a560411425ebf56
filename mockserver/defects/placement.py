"""Defects of the placement that an answer tells: blocks that are missing or lie, headers, request ids."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from mockserver.behaviours import errors
from mockserver.call import Call, Headers, Reply
from mockserver.defects import defect, within
from mockserver.defects.spark import Json
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.services.spark import block
from mockserver.services.spark.fleet import PODS


def _silent_on(gateway: Gateway, *ends: str) -> Gateway:
    def whole(call: Call, body: bytes, volt: Json) -> bytes:
        return body if call.path.endswith(ends) else block.whole(call, body, volt)

    return within(gateway, "spark", whole=whole)


@defect(breaks="VL-031", also=("VL-030", "VL-033", "VL-104", "VL-105", "VL-107", "VL-110", "OC-170"))
def says_nothing_of_the_place_in_chat(gateway: Gateway) -> Gateway:
    """Leaves the volt block out of whole chat completions."""
    return _silent_on(gateway, "/chat/completions")


@defect(breaks="VL-031", also=("VL-108", "OC-170"))
def says_nothing_of_the_place_in_embeddings(gateway: Gateway) -> Gateway:
    """Leaves the volt block out of embeddings."""
    return _silent_on(gateway, "/embeddings")


@defect(breaks="VL-031", also=("OC-170",))
def says_nothing_of_the_place_in_the_model_list(gateway: Gateway) -> Gateway:
    """Leaves the volt block out of the model list."""
    return _silent_on(gateway, "/models")


@defect(breaks="VL-031", also=("OC-170",))
def says_nothing_of_the_place_in_jobs(gateway: Gateway) -> Gateway:
    """Leaves the volt block out of LoRA jobs."""
    return _silent_on(gateway, "/jobs")


def _block(gateway: Gateway, **members: Any) -> Gateway:
    def changed(call: Call, first: float, tokens: int, elapsed: float) -> Json:
        return {**block.block(call, first, tokens, elapsed), **members}

    return within(gateway, "spark", block=changed)


@defect(breaks="VL-031", also=("VL-101", "VL-105", "OC-170"))
def names_no_metro(gateway: Gateway) -> Gateway:
    """Sends an empty metro in the volt block."""
    return _block(gateway, metro="")


@defect(breaks="VL-100", also=("OC-170",))
def tells_the_first_token_in_seconds(gateway: Gateway) -> Gateway:
    """Sends ttft_ms as a fraction of a second."""
    return _block(gateway, ttft_ms=Decimal("0.041"))


@defect(breaks="VL-100")
def tells_a_time_that_nobody_waited(gateway: Gateway) -> Gateway:
    """Sends the time to the first token in microseconds."""
    return _block(gateway, ttft_ms=9_000_000)


@defect(breaks="VL-100", also=("OC-170",))
def tells_the_rate_as_text(gateway: Gateway) -> Gateway:
    """Sends tps as a string with a unit."""
    return _block(gateway, tps="92 tok/s")


@defect(breaks="VL-101", also=("VL-102", "VL-106", "VL-107"), seen=("G43",))
def says_nothing_of_the_place_in_streams(gateway: Gateway) -> Gateway:
    """Streams without a volt block and without its header."""

    def shown(call: Call, reply: Reply) -> Reply:
        return reply if reply.frames is not None else block.shown(call, reply)

    return within(gateway, "spark", shown=shown)


@defect(breaks="VL-101")
def says_the_place_in_the_first_chunk_alone(gateway: Gateway) -> Gateway:
    """Streams with the volt block in the chunk that clients skip."""

    async def stream(call: Call, frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        first = True
        async for frame in frames:
            yield block.frame(call, frame, block.block(call, 0.0, 0, 1.0)) if first else frame
            first = False

    return within(gateway, "spark", stream=stream)


@defect(breaks="VL-101", also=("VL-102", "VL-105", "VL-106", "VL-107"))
def moves_between_pods_in_mid_stream(gateway: Gateway) -> Gateway:
    """Names another pod in every other chunk of a stream."""

    def frame(call: Call, sent: bytes, volt: Json) -> bytes:
        pod = PODS[len(sent) % len(PODS)]
        return block.frame(call, sent, {**volt, "pod_id": pod.id, "metro": pod.metro})

    return within(gateway, "spark", frame=frame)


@defect(breaks="VL-102")
def names_its_own_door_as_the_pod(gateway: Gateway) -> Gateway:
    """Sends the name of the load balancer in x-volt-pod-id."""
    return within(gateway, "spark", headers=lambda call: [("X-Volt-Pod-Id", "edge-1")])


@defect(breaks="VL-102", also=("OC-170",))
def sends_no_pod_header(gateway: Gateway) -> Gateway:
    """Leaves x-volt-pod-id out."""
    return within(gateway, "spark", headers=lambda call: [])


@defect(breaks="VL-102", also=("VL-103", "VL-012", "VL-011", "VL-021", "VL-121", "VL-134"))
def gives_every_request_one_id(gateway: Gateway) -> Gateway:
    """Sends the same x-request-id with every answer."""

    def headers(call: Call, found: Headers) -> Headers:
        return [(name, "req_1" if name == "X-Request-Id" else value) for name, value in found]

    return replace(gateway, response_headers=headers)


@defect(breaks="VL-103")
def names_another_request_in_errors(gateway: Gateway) -> Gateway:
    """Puts an id into errors that is not that of the header."""

    def facts(call: Call, refusal: Refusal) -> Json:
        return {**errors.error_facts(call, refusal), "request_id": "req_" + secrets.token_hex(12)}

    return replace(gateway, error_facts=facts)


@defect(breaks="VL-103", also=("OC-110", "OC-114", "OC-115", "OC-170", "VL-141"))
def names_no_request_in_errors(gateway: Gateway) -> Gateway:
    """Leaves the request id out of errors."""

    def body(call: Call, refusal: Refusal) -> Any:
        found = errors.error_body(call, refusal)
        del found["error"]["request_id"]
        return found

    return replace(gateway, error_body=body)
