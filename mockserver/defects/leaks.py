"""Errors that tell too much: the prompt, the inside of the service, the caller's key."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.errors import retold
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal


@defect(breaks="OC-117", seen=("C109",))
def quotes_the_prompt_in_validation_errors(gateway: Gateway) -> Gateway:
    """Quotes the request in the message when it refuses a parameter."""
    return replace(gateway, refuse_parameter=_quoting(gateway.refuse_parameter))


@defect(breaks="OC-117", seen=("C109",))
def quotes_broken_json(gateway: Gateway) -> Gateway:
    """Shows where it stopped to understand the body by repeating it."""
    honest = gateway.refuse_bad_json
    return replace(gateway, refuse_bad_json=_quoting(honest), refuse_missing=_quoting(gateway.refuse_missing))


def _quoting(refuse: Callable[..., Refusal]) -> Callable[..., Refusal]:
    def quoting(call: Call, *given: Any) -> Refusal:
        refusal = refuse(call, *given)
        sent = call.raw.decode(errors="replace")[:2000]
        return replace(refusal, message=f"{refusal.message} In: {sent}")

    return quoting


@defect(breaks="OC-118")
def shows_its_traceback(gateway: Gateway) -> Gateway:
    """Sends the stack of the handler along with a refused parameter."""
    honest = gateway.refuse_parameter

    def refuse(call: Call, param: str, message: str) -> Refusal:
        stack = "".join(traceback.format_stack(limit=2))
        return honest(call, param, f"{message}\nTraceback (most recent call last):\n{stack}")

    return replace(gateway, refuse_parameter=refuse)


@defect(breaks="OC-118", seen=("C101",))
def shows_python_objects(gateway: Gateway) -> Gateway:
    """Formats its validation errors as Python does."""
    honest = gateway.refuse_parameter

    def refuse(call: Call, param: str, message: str) -> Refusal:
        return honest(call, param, f"[{{'type': 'value_error', 'loc': ('body', '{param}'), 'msg': 'invalid'}}]")

    return replace(gateway, refuse_parameter=refuse)


@defect(breaks="OC-118", seen=("C38",))
def names_its_upstream(gateway: Gateway) -> Gateway:
    """Says at which address it looked for the model."""
    address = "http://vllm-7.inference.internal:8000/v1/models"
    told = retold(gateway.refuse_unknown_model, message=f"404 Client Error: Not Found for url: {address}")
    return replace(gateway, refuse_unknown_model=told)


@defect(breaks="OC-118")
def shows_its_files(gateway: Gateway) -> Gateway:
    """Says in which of its files a key was not found."""
    return replace(
        gateway, refuse_bad_key=retold(gateway.refuse_bad_key, message="No such key in /var/lib/keys/live.db")
    )


@defect(breaks="OC-123")
def quotes_a_refused_key(gateway: Gateway) -> Gateway:
    """Repeats the key that it refuses."""
    honest = gateway.refuse_bad_key

    def refuse(call: Call) -> Refusal:
        return replace(honest(call), message=f"Incorrect API key provided: {gateway.credential(call)}.")

    return replace(gateway, refuse_bad_key=refuse)


@defect(breaks="OC-123")
def returns_the_request_headers(gateway: Gateway) -> Gateway:
    """Sends the header with the key of the request back in a header for debugging."""

    def headers(call: Call, sent: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [*sent, ("X-Debug-Authorization", call.headers.get(call.state.traits.key_header, ""))]

    return replace(gateway, response_headers=headers)
