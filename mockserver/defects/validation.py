"""Defects of validation: what must be refused is let in, crashes the server, or is refused in another way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockserver.behaviours import admission, errors, parameters
from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.defects.overrides import crashing, forgetting, reading
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal

Json = dict[str, Any]
VOLTAGE = ("voltagegpu-confidential",)


@defect(breaks="OC-024")
def takes_any_role(gateway: Gateway) -> Gateway:
    """Accepts messages of a role that nobody documented."""
    return replace(gateway, check_role=lambda call, at, value: None)


@defect(breaks=("OC-025", "VT-051"))
def picks_a_model_when_none_is_named(gateway: Gateway) -> Gateway:
    """Runs a request without model on a model of its own choice."""

    def change(call: Call, body: Json) -> Json:
        return {"model": call.state.catalogue.default, **body}

    return replace(gateway, decode_body=reading(change))


@defect(breaks=("OC-026", "VT-052"))
def answers_without_messages(gateway: Gateway) -> Gateway:
    """Answers a request without messages as though it had said hello."""
    hello = [{"role": "user", "content": "Hello"}]
    return replace(gateway, decode_body=reading(lambda call, body: {"messages": hello, **body}))


@defect(breaks="OC-027", also=("OC-116", "OC-119"), seen=("C103",))
def fails_on_empty_messages(gateway: Gateway) -> Gateway:
    """Answers an empty list of messages with a server error."""
    return replace(gateway, check_messages=crashing(parameters.messages, lambda value: value == []))


@defect(breaks="OC-027", also=("OC-119",))
def answers_empty_messages(gateway: Gateway) -> Gateway:
    """Answers an empty list of messages as though it had said hello."""
    hello = [{"role": "user", "content": "Hello"}]
    change = reading(lambda call, body: {**body, "messages": hello} if body.get("messages") == [] else body)
    return replace(gateway, decode_body=change)


@defect(breaks="OC-028")
def takes_messages_of_strings(gateway: Gateway) -> Gateway:
    """Reads strings in the list of messages as words of the user."""

    def change(call: Call, body: Json) -> Json:
        found = body.get("messages")
        rows = found if isinstance(found, list) else []
        spoken = [{"role": "user", "content": row} if isinstance(row, str) else row for row in rows]
        return {**body, "messages": spoken} if rows else body

    return replace(gateway, decode_body=reading(change))


@defect(breaks="OC-028", also=("OC-116",), seen=("C103",))
def fails_on_messages_that_are_no_list(gateway: Gateway) -> Gateway:
    """Answers messages that are an object or a string with a server error."""
    return replace(gateway, check_messages=crashing(parameters.messages, lambda value: not isinstance(value, list)))


@defect(breaks="OC-029", also=("OC-116",), seen=("C103",))
def fails_on_malformed_json(gateway: Gateway) -> Gateway:
    """Answers a body that is not JSON with a server error."""
    return replace(gateway, refuse_bad_json=errors.internal)


@defect(breaks="OC-030", also=("OC-119", "OC-133", "VT-010", "VT-011", "VT-031"))
def serves_an_unknown_model_with_another(gateway: Gateway) -> Gateway:
    """Runs a request for a model that does not exist on the first model of the list."""

    def find(call: Call, model: str) -> Row | None:
        return admission.find_model(call, model) or next(iter(call.gateway.listed_models(call)), None)

    return replace(gateway, find_model=find)


@defect(breaks="OC-030", also=("OC-110", "OC-119", "VT-011", "VT-031", "VT-074"), seen=("C97",))
def answers_an_unknown_model_with_200(gateway: Gateway) -> Gateway:
    """Sends the error for an unknown model with the status 200."""

    def refuse(call: Call, model: str) -> Refusal:
        return replace(errors.unknown_model(call, model), status=200)

    return replace(gateway, refuse_unknown_model=refuse)


@defect(breaks="OC-033", also=("OC-119",))
def takes_no_max_tokens_for_no_limit(gateway: Gateway) -> Gateway:
    """Reads max_tokens of 0 or less as no limit at all."""
    return replace(
        gateway, decode_body=forgetting("max_tokens", lambda value: parameters.is_number(value) and value < 1)
    )


@defect(breaks="OC-033", also=("OC-116", "OC-119"), seen=("C103",))
def fails_on_a_negative_max_tokens(gateway: Gateway) -> Gateway:
    """Answers max_tokens below 1 with a server error."""
    check = crashing(parameters.max_tokens, lambda value: parameters.is_number(value) and value < 1)
    return replace(gateway, check_max_tokens=check)


@defect(breaks="OC-034", also=("OC-119", "VT-012", "VT-054"))
def clamps_the_temperature(gateway: Gateway) -> Gateway:
    """Accepts any number as temperature."""
    change = forgetting("temperature", lambda value: parameters.is_number(value) and not 0 <= value <= 2)
    return replace(gateway, decode_body=change)


@defect(
    breaks=("OC-034", "OC-035"),
    also=("OC-024", "OC-027", "OC-028", "OC-033", "OC-047", "OC-051", "OC-052", "OC-074", "VT-075"),
    contracts=VOLTAGE,
)
def refuses_parameters_with_422(gateway: Gateway) -> Gateway:
    """Refuses invalid parameters with 422, a status that the document does not have."""

    def refuse(call: Call, param: str, message: str) -> Refusal:
        return replace(errors.bad_parameter(call, param, message), status=422)

    return replace(gateway, refuse_parameter=refuse)


@defect(breaks="OC-035", also=("OC-119",))
def clamps_top_p(gateway: Gateway) -> Gateway:
    """Accepts any number as top_p."""
    change = forgetting("top_p", lambda value: parameters.is_number(value) and not 0 <= value <= 1)
    return replace(gateway, decode_body=change)


@defect(breaks="OC-047")
def takes_any_response_format(gateway: Gateway) -> Gateway:
    """Accepts a response_format that nobody documented, and answers in prose."""
    known = ("text", "json_object", "json_schema")
    change = forgetting("response_format", lambda value: isinstance(value, dict) and value.get("type") not in known)
    return replace(gateway, decode_body=change)


@defect(breaks="OC-051")
def drops_a_temperature_it_cannot_read(gateway: Gateway) -> Gateway:
    """Ignores a temperature that is text."""
    return replace(gateway, decode_body=forgetting("temperature", lambda value: isinstance(value, str)))


@defect(breaks="OC-051")
def takes_any_text_for_true(gateway: Gateway) -> Gateway:
    """Reads stream set to a text as true."""
    change = reading(lambda call, body: {**body, "stream": bool(body["stream"])} if "stream" in body else body)
    return replace(gateway, decode_body=change)


@defect(breaks="OC-051")
def rounds_a_fraction_of_choices(gateway: Gateway) -> Gateway:
    """Reads n of 1.5 as 1."""
    change = reading(lambda call, body: {**body, "n": int(body["n"])} if isinstance(body.get("n"), float) else body)
    return replace(gateway, decode_body=change)


@defect(breaks="OC-052", seen=("C07",))
def answers_n_of_zero(gateway: Gateway) -> Gateway:
    """Reads n of 0 as 1."""
    return replace(gateway, decode_body=forgetting("n", lambda value: value == 0))


@defect(breaks="OC-043")
def refuses_unknown_members(gateway: Gateway) -> Gateway:
    """Refuses a request with a member that it does not know."""

    def check(call: Call, body: Json) -> None:
        for name in body.keys() - {known for known, _ in call.gateway.parameter_checks}:
            raise call.gateway.refuse_parameter(call, name, f"Unknown parameter: '{name}'.")

    return replace(gateway, check_unknown=check)
