"""Defects of reading a request: what is wrong is let in, what is right is turned away, what was said is not read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import admission, auth, errors, parameters
from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.gateway import Check, Gateway
from mockserver.refusal import Refusal

Json = dict[str, Any]
VOLTAGE = ("voltagegpu-confidential",)
OTHERS = (  # checks that compare an answer with what was asked
    *("OC-023", "OC-031", "OC-036", "OC-037", "OC-038", "OC-039", "OC-040", "OC-041", "OC-045", "OC-046", "OC-048"),
    *("OC-050", "OC-060", "OC-064", "OC-065", "OC-071", "OC-090", "OC-095", "OC-140"),
)


def reading(change: Callable[[Call, Json], Json]) -> Callable[[Call, bytes], Json]:
    """The request object, changed before anybody looks at it."""
    return lambda call, raw: change(call, admission.decode_body(call, raw))


def forgetting(name: str, wrong: Callable[[Any], bool]) -> Callable[[Call, bytes], Json]:
    """The request object without a member whose value is wrong: nobody is told."""
    return reading(lambda call, body: {k: v for k, v in body.items() if k != name or not wrong(v)})


def crashing(check: Check, wrong: Callable[[Any], bool]) -> Check:
    """A server error in the place of a refusal."""

    def careless(call: Call, value: Any) -> None:
        if wrong(value):
            raise call.gateway.refuse_internal(call)
        check(call, value)

    return careless


# --- Roles and content -----------------------------------------------------------------------------------------


def without_role(unknown: str) -> Callable[[Call, str, Any], None]:
    def check(call: Call, at: str, value: Any) -> None:
        parameters.role(call, at, value)
        if value == unknown:
            raise call.gateway.refuse_parameter(call, f"{at}.role", f"Invalid value for '{at}.role'.")

    return check


@defect(breaks="OC-020", also=("OC-151", "VT-043"))
def knows_no_system_role(gateway: Gateway) -> Gateway:
    """Refuses system messages."""
    return replace(gateway, check_role=without_role("system"))


@defect(breaks="OC-020", also=("OC-022", "OC-071"))
def knows_no_history(gateway: Gateway) -> Gateway:
    """Refuses messages of the assistant."""
    return replace(gateway, check_role=without_role("assistant"))


@defect(breaks="OC-021")
def knows_no_developer_role(gateway: Gateway) -> Gateway:
    """Refuses developer messages."""
    return replace(gateway, check_role=without_role("developer"))


@defect(breaks="OC-022", also=("OC-071",))
def knows_no_tool_role(gateway: Gateway) -> Gateway:
    """Refuses the results of tool calls."""
    return replace(gateway, check_role=without_role("tool"))


@defect(breaks="OC-022", also=("OC-071",))
def wants_content_beside_tool_calls(gateway: Gateway) -> Gateway:
    """Refuses an assistant message whose content is null, though it holds tool calls."""

    def check(call: Call, at: str, entry: Json) -> None:
        parameters.content(call, at, {**entry, "tool_calls": None})

    return replace(gateway, check_content=check)


@defect(breaks="OC-023")
def refuses_text_parts(gateway: Gateway) -> Gateway:
    """Refuses content that is not a string."""

    def check(call: Call, at: str, entry: Json) -> None:
        parameters.content(call, at, entry)
        if isinstance(entry.get("content"), list):
            raise call.gateway.refuse_parameter(call, at, f"Invalid value for '{at}': expected a string.")

    return replace(gateway, check_content=check)


def reading_parts(keep: slice) -> Callable[[Call, bytes], Json]:
    def fewer(content: Any) -> Any:
        return content[keep] if isinstance(content, list) else content

    def change(call: Call, body: Json) -> Json:
        if not isinstance(body.get("messages"), list):
            return body
        rows = [
            {**row, "content": fewer(row.get("content"))} if isinstance(row, dict) else row for row in body["messages"]
        ]
        return {**body, "messages": rows}

    return reading(change)


@defect(breaks="OC-023")
def reads_the_first_part_only(gateway: Gateway) -> Gateway:
    """Reads the first of several text parts and forgets the others."""
    return replace(gateway, decode_body=reading_parts(slice(0, 1)))


@defect(breaks="OC-023")
def reads_the_last_part_only(gateway: Gateway) -> Gateway:
    """Reads the last of several text parts and forgets the others."""
    return replace(gateway, decode_body=reading_parts(slice(-1, None)))


@defect(breaks="OC-141", also=("OC-071",), seen=("C70",))
def forgets_the_history(gateway: Gateway) -> Gateway:
    """Shows the model the last message alone."""

    def change(call: Call, body: Json) -> Json:
        return {**body, "messages": body["messages"][-1:]} if isinstance(body.get("messages"), list) else body

    return replace(gateway, decode_body=reading(change))


@defect(breaks="OC-048")
def refuses_emoji(gateway: Gateway) -> Gateway:
    """Refuses text with characters beyond the basic multilingual plane."""

    def check(call: Call, at: str, entry: Json) -> None:
        parameters.content(call, at, entry)
        if max(map(ord, str(entry.get("content"))), default=0) > 0xFFFF:
            raise call.gateway.refuse_parameter(call, at, f"Invalid value for '{at}': unsupported characters.")

    return replace(gateway, check_content=check)


@defect(breaks="OC-048", also=("OC-091",))
def stores_text_as_latin_1(gateway: Gateway) -> Gateway:
    """Replaces every character that Latin-1 does not have by a question mark."""
    return replace(gateway, content=lambda call, text: text.encode("latin-1", "replace").decode("latin-1"))


@defect(breaks="OC-049", also=("OC-116",), seen=("C103",))
def fails_on_a_long_prompt(gateway: Gateway) -> Gateway:
    """Answers a prompt beyond the context with a server error."""
    return replace(gateway, refuse_context=lambda call, context: errors.internal(call))


@defect(breaks="OC-049")
def cuts_a_long_prompt_without_a_word(gateway: Gateway) -> Gateway:
    """Answers a prompt beyond the context as though it fitted."""
    return replace(gateway, context_of=lambda call, row: 10**9)


# --- The operation itself --------------------------------------------------------------------------------------


@defect(breaks="VT-050", also=("OC-112",), contracts=VOLTAGE)
def lends_its_own_key(gateway: Gateway) -> Gateway:
    """Serves a request without a key on the first account."""

    def credential(call: Call) -> str | None:
        return auth.credential(call) or call.state.secrets["main"]

    return replace(gateway, credential=credential)


@defect(breaks="VT-050", contracts=VOLTAGE)
def answers_no_key_with_403(gateway: Gateway) -> Gateway:
    """Refuses a request without a key with 403."""
    return replace(gateway, refuse_no_key=lambda call: replace(errors.no_key(call), status=403))


@defect(breaks="VT-051", also=("OC-136", "VT-031", "VT-057", "VT-058"), contracts=VOLTAGE)
def serves_half_of_what_it_lists(gateway: Gateway) -> Gateway:
    """Refuses chat on every listed model but those of two vendors."""

    def find(call: Call, model: str) -> Row | None:
        listed_only = call.method == "POST" and not model.startswith(("Qwen/", "deepseek-ai/"))
        return None if listed_only else admission.find_model(call, model)

    return replace(gateway, find_model=find)


# --- What must be refused --------------------------------------------------------------------------------------


@defect(breaks="OC-024")
def takes_any_role(gateway: Gateway) -> Gateway:
    """Accepts messages of a role that nobody documented."""
    return replace(gateway, check_role=lambda call, at, value: None)


@defect(breaks=("OC-025", "VT-051"))
def picks_a_model_when_none_is_named(gateway: Gateway) -> Gateway:
    """Runs a request without model on a model of its own choice."""

    def change(call: Call, body: Json) -> Json:
        return {"model": call.gateway.listed_models(call)[0].id, **body}

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


@defect(breaks="OC-030", also=("OC-119", "OC-133", "VT-011"))
def serves_an_unknown_model_with_another(gateway: Gateway) -> Gateway:
    """Runs a request for a model that does not exist on the first model of the list."""

    def find(call: Call, model: str) -> Row | None:
        return admission.find_model(call, model) or next(iter(call.gateway.listed_models(call)), None)

    return replace(gateway, find_model=find)


@defect(breaks="OC-030", also=("OC-110", "OC-119", "VT-011"), seen=("C97",))
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


@defect(breaks="OC-034", also=("OC-119", "VT-054"))
def clamps_the_temperature(gateway: Gateway) -> Gateway:
    """Accepts any number as temperature."""
    change = forgetting("temperature", lambda value: parameters.is_number(value) and not 0 <= value <= 2)
    return replace(gateway, decode_body=change)


@defect(breaks=("OC-034", "OC-035"), contracts=VOLTAGE)
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
        for name in body.keys() - call.gateway.parameter_checks.keys():
            raise call.gateway.refuse_parameter(call, name, f"Unknown parameter: '{name}'.")

    return replace(gateway, check_unknown=check)


# --- The way a request travels ---------------------------------------------------------------------------------


@defect(breaks="OC-150")
def refuses_a_charset(gateway: Gateway) -> Gateway:
    """Refuses a Content-Type that is more than application/json."""

    async def media(call: Call) -> None:
        if call.headers.get("content-type") != "application/json":
            raise Refusal(415, "unsupported_media_type", "The Content-Type must be application/json.")

    return replace(gateway, chat_steps=(media, *gateway.chat_steps))


@defect(breaks=("OC-151", "VT-043"))
def locks_out_the_sdk(gateway: Gateway) -> Gateway:
    """Takes the OpenAI SDK for a robot and refuses it."""

    async def guard(call: Call) -> None:
        if any(name.startswith("x-stainless-") for name in call.headers):
            raise Refusal(403, "forbidden", "Automated access is not allowed.")

    return replace(gateway, steps=(guard, *gateway.steps))


@defect(breaks=("OC-151", "VT-043"))
def wraps_answers_for_the_sdk(gateway: Gateway) -> Gateway:
    """Puts the answer to the OpenAI SDK inside another object."""

    def completed(call: Call, document: Json) -> Json:
        return {"response": document} if "x-stainless-lang" in call.headers else document

    return replace(gateway, completed=completed)


@defect(breaks="OC-152")
def reads_header_names_to_the_letter(gateway: Gateway) -> Gateway:
    """Finds the key only in a header spelled Authorization or authorization."""

    def credential(call: Call) -> str | None:
        plain = {b"Authorization", b"authorization"} & set(call.spelled)
        return auth.credential(call) if plain else None

    return replace(gateway, credential=credential)


@defect(breaks="OC-153", also=OTHERS)
def answers_with_the_answer_before(gateway: Gateway) -> Gateway:
    """Sends each caller the answer of the call before."""
    kept: list[Json] = []

    def completed(call: Call, document: Json) -> Json:
        kept.append(document)
        return kept[-2] if len(kept) > 1 else document

    return replace(gateway, completed=completed)
