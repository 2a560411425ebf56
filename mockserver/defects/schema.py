"""Defects of an API that is described by its OpenAPI document alone: bounds, roles, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import parameters
from mockserver.behaviours.admission import decode_body
from mockserver.defects import defect, within
from mockserver.services.embeddings.operation import MEMBERS
from mockserver.services.members import optional, text

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.gateway import Gateway
    from mockserver.refusal import Refusal

HERE = ("voltagegpu-openapi",)


def _told(gateway: Gateway, change: Callable[[Call, dict[str, Any]], dict[str, Any]]) -> Gateway:
    """Refusals that tell something else."""
    facts = gateway.error_facts
    return replace(gateway, error_facts=lambda call, refusal: change(call, facts(call, refusal)))


def _allowing(name: str, *limits: float) -> Callable[[Call, Any], None]:
    """A check of a number with other bounds."""

    def check(call: Call, value: Any) -> None:
        if not parameters.is_number(value) or not limits[0] <= value <= limits[1]:
            raise call.gateway.refuse_parameter(call, name, f"Invalid value for '{name}'.")

    return check


@defect("VO-051")
def reads_any_model_as_text(gateway: Gateway) -> Gateway:
    """A model that is no text is read as the default model."""

    def repaired(call: Call, raw: bytes) -> dict[str, Any]:
        body = decode_body(call, raw)
        odd = "model" in body and not isinstance(body["model"], str) and call.path.endswith("/chat/completions")
        return {**body, "model": call.state.catalogue.default} if odd else body

    return replace(gateway, decode_body=repaired)


@defect("VO-052", also=("OC-028",))
def reads_a_text_as_messages(gateway: Gateway) -> Gateway:
    """messages that are a text are read as one message."""

    def repaired(call: Call, raw: bytes) -> dict[str, Any]:
        body = decode_body(call, raw)
        given = body.get("messages")
        return {**body, "messages": [{"role": "user", "content": given}]} if isinstance(given, str) else body

    return replace(gateway, decode_body=repaired)


@defect("VO-055")
def allows_eleven_choices(gateway: Gateway) -> Gateway:
    """n may be up to 128, as elsewhere."""
    return replace(gateway, check_n=_allowing("n", 1, 128))


@defect("VO-055", also=("OC-040", "OC-098"))
def caps_choices_at_four(gateway: Gateway) -> Gateway:
    """More than four choices are cut to four without a word."""
    choices = gateway.choices_of
    return replace(gateway, choices_of=lambda body: min(4, choices(body)))


@defect("VO-058", also=("OC-171",))
def takes_any_penalty_on_presence(gateway: Gateway) -> Gateway:
    """presence_penalty has no bounds."""
    return replace(gateway, check_presence_penalty=_allowing("presence_penalty", -100, 100))


@defect("VO-059", also=("OC-171",))
def refuses_negative_penalties(gateway: Gateway) -> Gateway:
    """frequency_penalty may not be negative."""
    return replace(gateway, check_frequency_penalty=_allowing("frequency_penalty", 0, 2))


@defect("VO-061")
def takes_messages_without_role(gateway: Gateway) -> Gateway:
    """A message without a role is the user's."""
    return replace(gateway, check_role=lambda call, at, role: None if role is None else parameters.role(call, at, role))


@defect("VO-061", also=("OC-028", "VO-063"))
def takes_messages_without_content(gateway: Gateway) -> Gateway:
    """A message without content is empty."""

    def check(call: Call, at: str, message: dict[str, Any]) -> None:
        if message.get("content") is not None:
            parameters.content(call, at, message)

    return replace(gateway, check_content=check)


@defect("VO-062", contracts=HERE)
def takes_messages_of_tools(gateway: Gateway) -> Gateway:
    """The role developer is taken, as elsewhere."""

    def check(call: Call, at: str, role: Any) -> None:
        if role != "developer":
            parameters.role(call, at, role)

    return replace(gateway, check_role=check)


@defect("VO-063", contracts=HERE)
def takes_content_in_parts(gateway: Gateway) -> Gateway:
    """Content may be an array of parts, as elsewhere."""

    def check(call: Call, at: str, message: dict[str, Any]) -> None:
        if not isinstance(message.get("content"), list):
            parameters.content(call, at, message)

    return replace(gateway, check_content=check)


@defect("VO-064", also=("OC-020",))
def refuses_names(gateway: Gateway) -> Gateway:
    """A message with a name is refused."""

    def check(call: Call, at: str, message: dict[str, Any]) -> None:
        parameters.content(call, at, message)
        if message.get("name"):
            raise call.gateway.refuse_parameter(call, f"{at}.name", "A name is not supported.")

    return replace(gateway, check_content=check)


@defect(("VO-024", "VO-034", "VO-044"), contracts=HERE, also=("VO-080", "OC-025"))
def refuses_with_422(gateway: Gateway) -> Gateway:
    """An invalid request is refused with 422, as frameworks do it."""
    status = gateway.error_status
    return replace(gateway, error_status=lambda call, refusal: 422 if refusal.status == 400 else status(call, refusal))


@defect("VO-079", contracts=HERE)
def shows_its_attempts(gateway: Gateway) -> Gateway:
    """Refusals list where the request was sent to."""
    body = gateway.error_body

    def shown(call: Call, refusal: Refusal) -> Any:
        made = body(call, refusal)
        attempt = {"step": "primary", "url": "https://llm.supplier.example/v1", "status": 400, "latency_ms": 12}
        return {**made, "details": {**made["details"], "attempts": [attempt]}}

    return replace(gateway, error_body=shown)


@defect("VO-080", contracts=HERE, also=("VO-024",))
def answers_409_to_invalid_parameters(gateway: Gateway) -> Gateway:
    """An invalid parameter is refused with 409."""
    refuse = gateway.refuse_parameter
    return replace(gateway, refuse_parameter=lambda call, name, said: replace(refuse(call, name, said), status=409))


@defect("VO-082", contracts=HERE)
def asks_for_payment_with_402(gateway: Gateway) -> Gateway:
    """A used-up account is refused with 402, as the newer page has it."""
    refuse = gateway.refuse_insufficient
    return replace(gateway, refuse_insufficient=lambda call: replace(refuse(call), status=402))


@defect("VO-082", contracts=HERE)
def embeds_beyond_the_quota(gateway: Gateway) -> Gateway:
    """Only chat looks at the quota."""

    async def unlimited(call: Call) -> None:
        """No hold."""

    return replace(gateway, afford=unlimited)


@defect("VO-083", contracts=HERE)
def tells_nobody_when_to_try_again(gateway: Gateway) -> Gateway:
    """A 429 has no hint, neither in its body nor in a header."""
    refuse = gateway.refuse_throttled
    bare = replace(gateway, refuse_throttled=lambda call: replace(refuse(call), headers=(), facts={}))
    return replace(bare, limit_headers=lambda call: [])


@defect("VO-083", contracts=HERE)
def limits_no_key(gateway: Gateway) -> Gateway:
    """No key has a limit."""
    return replace(gateway, take=lambda call: None)


@defect("VO-085", contracts=HERE)
def names_the_first_endpoint(gateway: Gateway) -> Gateway:
    """details.endpoint is that of chat, whatever was called."""
    return _told(gateway, lambda call, facts: {**facts, "endpoint": "/v1/chat/completions"})


@defect("OC-110", contracts=HERE, also=("VO-078", "OC-117"))
def errs_in_an_object(gateway: Gateway) -> Gateway:
    """error is an object, as the vendor's pages have it."""
    body = gateway.error_body

    def shown(call: Call, refusal: Refusal) -> Any:
        return {**body(call, refusal), "error": {"message": refusal.message}}

    return replace(gateway, error_body=shown)


@defect("OC-110", contracts=HERE)
def tells_another_status_than_it_has(gateway: Gateway) -> Gateway:
    """details.status is always 400."""
    return _told(gateway, lambda call, facts: {**facts, "status": 400})


@defect("EM-020", contracts=HERE)
def embeds_a_blank(gateway: Gateway) -> Gateway:
    """A request without input gets the vector of a blank."""
    return within(gateway, "embeddings", members={**MEMBERS, "input": optional(text(), " ")})
