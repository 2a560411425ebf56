"""Defects of bounds, defaults and repeatability: the answer is longer, shorter or other than was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import admission, completion, parameters, text
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway

Json = dict[str, Any]
BOUND = ("OC-031", "OC-032")
# --- Bounds ----------------------------------------------------------------------------------------------------


@defect(breaks="OC-031", also=("OC-102",))
def ignores_max_tokens(gateway: Gateway) -> Gateway:
    """Generates as though max_tokens had not been sent."""
    return replace(gateway, token_limits=("max_completion_tokens",))


@defect(breaks=BOUND, also=("OC-102", "VT-042", "VT-062", "VT-091", "VT-092", "VT-097"))
def hides_tokens_over_the_bound(gateway: Gateway) -> Gateway:
    """Generates without a bound and reports no more tokens than were allowed."""

    def report(call: Call, usage: dict[str, int]) -> Json | None:
        bound = call.body.get("max_tokens") or call.body.get("max_completion_tokens") or 10**9
        made = min(usage["completion_tokens"], bound * call.body.get("n", 1))
        return {**usage, "completion_tokens": made, "total_tokens": usage["prompt_tokens"] + made}

    return replace(gateway, token_limits=(), reported_usage=report, reported_stream_usage=report)


@defect(breaks=BOUND, also=("VT-053",))
def says_stop_when_it_was_cut(gateway: Gateway) -> Gateway:
    """Sends finish_reason stop for an answer that its bound has cut."""
    return replace(gateway, finish_reason=lambda call, finish: "stop" if finish == "length" else finish)


@defect(breaks="OC-032", seen=("C85",))
def ignores_max_completion_tokens(gateway: Gateway) -> Gateway:
    """Generates as though max_completion_tokens had not been sent."""
    return replace(gateway, token_limits=("max_tokens",))


@defect(breaks="OC-032", seen=("C86",))
def refuses_max_completion_tokens(gateway: Gateway) -> Gateway:
    """Refuses max_completion_tokens as a member it does not know."""

    def check(call: Call, value: Any) -> None:
        raise call.gateway.refuse_parameter(
            call, "max_completion_tokens", "Unknown parameter: 'max_completion_tokens'."
        )

    return replace(gateway, check_max_completion_tokens=check)


# --- What the contract promises where the request is silent ----------------------------------------------------


def asking(name: str, value: Any) -> Callable[[Call], Json]:
    """The provider is asked with another default; a value of None leaves the member out."""

    def body(call: Call) -> Json:
        honest = completion.upstream_body(call)
        if call.body.get(name) is None:
            honest[name] = value
        return {key: item for key, item in honest.items() if item is not None}

    return body


@defect(breaks=("VT-053", "VC-025"))
def generates_without_a_default_bound(gateway: Gateway) -> Gateway:
    """Lets an answer without max_tokens run as long as the model likes."""

    def bound(call: Call) -> int:
        asked = [call.body[name] for name in gateway.token_limits if call.body.get(name) is not None]
        return admission.max_tokens(call) if asked else 100_000

    return replace(gateway, max_tokens=bound)


@defect(breaks=("VT-053", "VC-025"))
def cuts_at_512_by_default(gateway: Gateway) -> Gateway:
    """Cuts an answer without max_tokens at half of the documented default."""

    def bound(call: Call) -> int:
        asked = [call.body[name] for name in gateway.token_limits if call.body.get(name) is not None]
        return admission.max_tokens(call) if asked else 512

    return replace(gateway, max_tokens=bound)


@defect(breaks=("VT-054", "VC-026"))
def runs_at_temperature_1_by_default(gateway: Gateway) -> Gateway:
    """Asks the provider with a temperature of 1 when the client gave none."""
    return replace(gateway, upstream_body=asking("temperature", 1.0))


@defect(breaks=("VT-054", "VC-026", "VO-053"))
def leaves_the_temperature_to_the_provider(gateway: Gateway) -> Gateway:
    """Asks the provider with no temperature when the client gave none."""
    return replace(gateway, upstream_body=asking("temperature", None))


@defect(breaks=("VT-054", "VC-026", "VO-053"))
def refuses_a_temperature_above_1(gateway: Gateway) -> Gateway:
    """Takes 1 for the highest temperature."""

    def check(call: Call, value: Any) -> None:
        parameters.temperature(call, value)
        if value > 1:
            raise call.gateway.refuse_parameter(call, "temperature", "Invalid value for 'temperature'.")

    return replace(gateway, check_temperature=check)


@defect(breaks=("VT-056", "VC-028", "VO-054"))
def narrows_top_p_by_default(gateway: Gateway) -> Gateway:
    """Asks the provider with a top_p of 0.9 when the client gave none."""
    return replace(gateway, upstream_body=asking("top_p", 0.9))


# --- Repeatability ---------------------------------------------------------------------------------------------


@defect(breaks="OC-036", also=("OC-090",))
def varies_at_temperature_0(gateway: Gateway) -> Gateway:
    """Samples at temperature 0 as at any other."""
    warmed = {"temperature": 1.0}
    return replace(gateway, rng_of=lambda job, choice: text.rng_of(replace(job, body={**job.body, **warmed}), choice))


@defect(breaks="OC-050")
def ignores_the_seed(gateway: Gateway) -> Gateway:
    """Samples anew for every request, with a seed or without."""
    return replace(
        gateway, rng_of=lambda job, choice: text.rng_of(replace(job, body={**job.body, "seed": None}), choice)
    )
