"""Defects of the usage of a stream: whether it is told, where, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import stream
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.chunks import Json, head, with_chunk, with_usage_chunk, without
from mockserver.gateway import Gateway
from mockserver.wire import encode


def with_stream_usage(gateway: Gateway, change: Callable[[Json], Json]) -> Gateway:
    """The gateway with the usage changed that a stream reports."""
    return replace(gateway, reported_stream_usage=lambda call, usage: change(usage))


@defect(("OC-092", "VT-055", "VT-065"), seen=("C41",))
def streams_without_usage(gateway: Gateway) -> Gateway:
    """Never sends a usage chunk."""
    return replace(gateway, wants_usage=lambda call: False)


@defect("VT-065", contracts=("voltagegpu-confidential",))
def sends_usage_only_when_asked(gateway: Gateway) -> Gateway:
    """Sends the usage chunk only with include_usage."""
    return replace(gateway, wants_usage=stream.asked_for_usage)


@defect(("OC-092", "VT-055", "VT-065"), seen=("C43",))
def sends_a_husk_of_a_usage_chunk(gateway: Gateway) -> Gateway:
    """Sends the usage chunk without its usage."""
    return with_usage_chunk(gateway, lambda chunk: without("usage", chunk))


@defect("OC-092")
def puts_a_choice_into_the_usage_chunk(gateway: Gateway) -> Gateway:
    """Sends an empty choice beside the usage."""
    row = {"index": 0, "delta": {}, "finish_reason": None}
    return with_usage_chunk(gateway, lambda chunk: {**chunk, "choices": [row]})


@defect("OC-092", seen=("C47",))
def reports_usage_after_an_error(gateway: Gateway) -> Gateway:
    """Sends a usage chunk after the error of a stream."""

    def counted(call: Call, refusal: Any) -> list[bytes]:
        usage = gateway.fallback_usage(call, call.delivered)
        chunk = {**head(call), "choices": [], "usage": usage}
        return [*gateway.in_stream_error(call, refusal), b"data: " + encode(chunk) + b"\n\n"]

    return replace(gateway, in_stream_error=counted)


@defect(("OC-092", "OC-093", "VT-065"), also=("OC-094",))
def reports_usage_in_every_chunk(gateway: Gateway) -> Gateway:
    """Carries a running count in every chunk."""
    running = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    return with_chunk(gateway, lambda chunk: {**chunk, "usage": running})


@defect("OC-093", seen=("C44",))
def leaves_out_null_usage(gateway: Gateway) -> Gateway:
    """Leaves usage out of the chunks before the usage chunk."""
    return replace(gateway, wants_null_usage=lambda call: False)


@defect(("OC-092", "OC-093"), seen=("C46",))
def sends_empty_usage(gateway: Gateway) -> Gateway:
    """Carries usage: {} in every chunk."""
    return with_chunk(gateway, lambda chunk: {**chunk, "usage": {}})


@defect("OC-094")
def sends_usage_unasked(gateway: Gateway) -> Gateway:
    """Ends every stream with a usage chunk, asked for or not."""
    return replace(gateway, wants_usage=lambda call: True)


@defect("OC-095")
def leaves_out_the_total_in_streams(gateway: Gateway) -> Gateway:
    """Reports prompt and completion tokens of a stream without their total."""
    return with_stream_usage(gateway, lambda usage: without("total_tokens", usage))


@defect("OC-095")
def streams_the_completion_as_total(gateway: Gateway) -> Gateway:
    """Reports the completion tokens of a stream as the total."""
    return with_stream_usage(gateway, lambda usage: {**usage, "total_tokens": usage["completion_tokens"]})


@defect("OC-095", also=("VT-062",))
def counts_streamed_prompts_otherwise(gateway: Gateway) -> Gateway:
    """Counts three prompt tokens more when the same request is streamed."""

    def raised(usage: Json) -> Json:
        return {**usage, "prompt_tokens": usage["prompt_tokens"] + 3, "total_tokens": usage["total_tokens"] + 3}

    return with_stream_usage(gateway, raised)


@defect("OC-095", also=("VT-065",))
def counts_tokens_in_words(gateway: Gateway) -> Gateway:
    """Reports the counts of a stream as strings."""
    return with_stream_usage(gateway, lambda usage: {name: str(count) for name, count in usage.items()})


@defect("VT-065", also=("OC-095",))
def leaves_out_the_completion_count(gateway: Gateway) -> Gateway:
    """Reports a stream's prompt tokens alone."""
    return with_stream_usage(gateway, lambda usage: {"prompt_tokens": usage["prompt_tokens"]})


@defect("VT-061", seen=("C49",))
def asks_the_provider_for_no_usage(gateway: Gateway) -> Gateway:
    """Sends the client's body upstream without stream_options."""
    return replace(gateway, upstream_body=lambda call: without("stream_options", gateway.upstream_body(call)))


@defect("VT-061")
def lets_the_client_decline_usage(gateway: Gateway) -> Gateway:
    """Passes the client's include_usage false on to the provider."""

    def passed_on(call: Call) -> Json:
        return {**gateway.upstream_body(call), **{k: v for k, v in call.body.items() if k == "stream_options"}}

    return replace(gateway, upstream_body=passed_on)


@defect("VT-062")
def reports_an_estimate_of_its_own(gateway: Gateway) -> Gateway:
    """Reports its own estimate from bytes although the provider counted."""
    return replace(gateway, usage_of=lambda call, upstream: gateway.fallback_usage(call, call.delivered))


@defect("VT-062", also=("OC-095",))
def rounds_the_reported_tokens_up(gateway: Gateway) -> Gateway:
    """Rounds the completion tokens that a stream reports up to a full ten."""

    def rounded(usage: Json) -> Json:
        completion = -(-usage["completion_tokens"] // 10) * 10
        return {**usage, "completion_tokens": completion, "total_tokens": usage["prompt_tokens"] + completion}

    return with_stream_usage(gateway, rounded)
