"""Defects of reading a prompt: what is right is turned away, what was said is not read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import errors, parameters
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.overrides import reading
from mockserver.gateway import Gateway

Json = dict[str, Any]


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
