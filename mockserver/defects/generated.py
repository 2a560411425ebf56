"""Defects that no hand-written request meets: only requests made from the OpenAPI document find them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockserver.behaviours import parameters
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway

Json = dict[str, Any]


@defect(breaks="OC-170")
def numbers_its_fingerprints(gateway: Gateway) -> Gateway:
    """Sends system_fingerprint as a number, where it is documented as text."""
    return replace(gateway, completed=lambda call, document: {**document, "system_fingerprint": 44709})


@defect(breaks="OC-170", hidden_in=("voltagegpu-openapi",))
def answers_a_seeded_request_with_203(gateway: Gateway) -> Gateway:
    """Answers with a status that is not documented when a seed was sent."""

    def reply(call: Call, made: Any) -> Any:
        return replace(made, status=203) if made.status == 200 and "seed" in getattr(call, "body", {}) else made

    return replace(gateway, reply=reply)


@defect(breaks="OC-171", hidden_in=("vultr-inference",))
def takes_any_presence_penalty(gateway: Gateway) -> Gateway:
    """Accepts penalties outside -2 to 2, and of any type."""
    return replace(
        gateway,
        check_presence_penalty=lambda call, value: None,
        check_frequency_penalty=lambda call, value: None,
        check_top_logprobs=lambda call, value: None,
        check_user=lambda call, value: None,
        check_logit_bias=lambda call, value: None,
    )


@defect(breaks="OC-171", also=("OC-047",), hidden_in=("voltagegpu-openapi", "vultr-inference"))
def reads_no_further_than_the_type(gateway: Gateway) -> Gateway:
    """Accepts any response_format and any tool, whatever is inside."""
    return replace(gateway, check_response_format=lambda call, value: None, check_tools=lambda call, value: None)


@defect(breaks="OC-172", also=("OC-170",), seen=("C103",), hidden_in=("voltagegpu-openapi", "vultr-inference"))
def trips_over_logit_bias(gateway: Gateway) -> Gateway:
    """Ends in an internal error when logit_bias was sent."""

    def check(call: Call, value: Any) -> None:
        parameters.logit_bias(call, value)
        raise gateway.refuse_internal(call)

    return replace(gateway, check_logit_bias=check)


@defect(breaks="OC-172", also=("OC-170",), seen=("C103",))
def trips_over_odd_characters(gateway: Gateway) -> Gateway:
    """Ends in an internal error when a prompt holds a character outside the basic plane or a control character."""

    def count(call: Call) -> int:
        said = str(call.body["messages"])
        if any(ord(char) > 0xFFFF or ord(char) < 0x20 for char in said) or "\\x" in said:
            raise gateway.refuse_internal(call)
        return gateway.prompt_tokens(call)

    return replace(gateway, prompt_tokens=count)
