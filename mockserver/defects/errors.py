"""Refusals in a wrong envelope or in wrong words. Wrong statuses are in `statuses`, leaks in `leaks`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal


def retold(refuse: Callable[..., Refusal], **changes: Any) -> Callable[..., Refusal]:
    """The same refusal with other members."""
    return lambda *given: replace(refuse(*given), **changes)


def reshaped(gateway: Gateway, change: Callable[[Call, dict[str, Any]], Any]) -> Gateway:
    """The envelope's document, changed before it is sent."""
    honest = gateway.error_body
    return replace(gateway, error_body=lambda call, refusal: change(call, honest(call, refusal)))


def rewritten(gateway: Gateway, **members: Any) -> Gateway:
    """Some members of the error object with other values."""
    return reshaped(gateway, lambda call, document: {"error": {**document["error"], **members}})


# --- The envelope ----------------------------------------------------------------------------------------------


@defect(breaks="OC-110", also=("VT-070",), seen=("C100",))
def sends_flat_errors(gateway: Gateway) -> Gateway:
    """Sends the error's members without the envelope around them."""
    return reshaped(gateway, lambda call, document: {"object": "error", **document["error"]})


@defect(breaks="OC-110", also=("VT-070",))
def sends_errors_as_strings(gateway: Gateway) -> Gateway:
    """Sends the message alone as the value of error."""
    return reshaped(gateway, lambda call, document: {"error": document["error"]["message"]})


@defect(breaks=("VT-070", "OC-110"), also=("OC-122",), seen=("C101",))
def validates_in_another_envelope(gateway: Gateway) -> Gateway:
    """Answers invalid parameters in the envelope of its web framework and everything else in its own."""
    honest = gateway.error_body

    def body(call: Call, refusal: Refusal) -> Any:
        return {"detail": [{"msg": refusal.message}]} if refusal.param else honest(call, refusal)

    return replace(gateway, error_body=body)


@defect(breaks="VT-070")
def adds_a_request_id_beside_the_error(gateway: Gateway) -> Gateway:
    """Puts a member of its own beside error."""
    return reshaped(gateway, lambda call, document: {**document, "request_id": call.request_id})


@defect(breaks="OC-110", also=("VT-070", "VT-071", "OC-122"))
def sends_empty_messages(gateway: Gateway) -> Gateway:
    """Says nothing in the message of an error."""
    return rewritten(gateway, message="")


@defect(breaks="OC-110", also=("VT-070", "VT-071"), hidden_in=("volt-control-plane",))
def leaves_out_the_type(gateway: Gateway) -> Gateway:
    """Sends errors whose type is null."""
    return rewritten(gateway, type=None)


@defect(breaks="VT-071", also=("OC-110",))
def tells_the_parameter_in_the_envelope(gateway: Gateway) -> Gateway:
    """Adds OpenAI's param to an envelope that does not have it."""
    return rewritten(gateway, param=None)


@defect(breaks="VT-071", also=("OC-110",))
def sends_the_status_as_text(gateway: Gateway) -> Gateway:
    """Sends error.status as a string."""
    return reshaped(gateway, lambda call, d: {"error": {**d["error"], "status": str(d["error"].get("status"))}})


@defect(breaks="VT-071", also=("OC-110",))
def repeats_a_status_of_400_always(gateway: Gateway) -> Gateway:
    """Says 400 in error.status, whatever the HTTP status is."""
    return reshaped(gateway, lambda call, d: {"error": {**d["error"], "status": 400}})


@defect(breaks="VT-071", also=("OC-110",))
def leaves_out_the_code(gateway: Gateway) -> Gateway:
    """Sends errors without a code."""
    return reshaped(gateway, lambda call, d: {"error": {k: v for k, v in d["error"].items() if k != "code"}})


@defect(breaks="OC-111")
def sends_errors_as_plain_text(gateway: Gateway) -> Gateway:
    """Labels its JSON errors as text/plain."""
    return replace(gateway, error_content_type="text/plain; charset=utf-8")


@defect(breaks=("OC-110", "OC-111", "OC-114"), also=("VT-070",))
def answers_unknown_paths_in_html(gateway: Gateway) -> Gateway:
    """Lets the web server in front answer unknown paths with its own page."""
    page = Reply(404, b"<html><h1>404 Not Found</h1></html>", [("Content-Type", "text/html")])
    honest = gateway.error_reply
    return replace(gateway, error_reply=lambda call, said: page if said.status == 404 else honest(call, said))


# --- The words -------------------------------------------------------------------------------------------------


@defect(breaks="OC-122")
def does_not_say_which_parameter(gateway: Gateway) -> Gateway:
    """Refuses a parameter without naming it."""
    return replace(gateway, refuse_parameter=retold(gateway.refuse_parameter, message="Invalid value.", param=None))


# --- The refusal of the gate -----------------------------------------------------------------------------------


@defect(breaks="VT-073")
def calls_the_gate_a_permission_error(gateway: Gateway) -> Gateway:
    """Gives the refusal of the gate the type permission_error."""
    return replace(gateway, refuse_not_confidential=retold(gateway.refuse_not_confidential, kind="permission_error"))


@defect(breaks="VT-073", also=("VT-013", "OC-030"))
def refuses_at_the_gate_with_403(gateway: Gateway) -> Gateway:
    """Refuses a model without the flag with 403."""
    return replace(gateway, refuse_not_confidential=retold(gateway.refuse_not_confidential, status=403))


@defect(breaks="VT-072")
def words_the_gate_differently(gateway: Gateway) -> Gateway:
    """Refuses a model without the flag in other words than the documented ones."""
    told = retold(gateway.refuse_not_confidential, message="This model cannot be used here.")
    return replace(gateway, refuse_not_confidential=told)


@defect(breaks="VT-072")
def names_another_model_at_the_gate(gateway: Gateway) -> Gateway:
    """Names the model of an earlier request in the refusal of the gate."""
    honest = gateway.refuse_not_confidential
    return replace(gateway, refuse_not_confidential=lambda call, model: honest(call, "openai/gpt-oss-20b"))


@defect(breaks="VT-072")
def suggests_nothing(gateway: Gateway) -> Gateway:
    """Leaves the caller to find the confidential sibling."""
    return replace(gateway, sibling=lambda call, model: None)


@defect(breaks="VT-072")
def suggests_a_model_that_does_not_exist(gateway: Gateway) -> Gateway:
    """Suggests the refused id with a suffix, whether such a model exists or not."""
    return replace(gateway, sibling=lambda call, model: f"{model}-TEE")


@defect(breaks="VT-072")
def suggests_from_a_fixed_table(gateway: Gateway) -> Gateway:
    """Suggests the sibling that it knew at its start, though that has lost its flag."""

    def sibling(call: Call, model: str) -> str | None:
        row = call.state.catalogue.get(model)
        return row.sibling if row else None

    return replace(gateway, sibling=sibling)
