"""Validation of a chat request, one function a parameter. Unknown parameters are ignored.

Each takes (call, value) and raises the call's refusal; it says what was expected and never quotes the value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from mockserver.call import Call

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_TEXTS = ("name", "refusal")  # members of a message that may be there
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _refuse(call: Call, param: str, expected: str) -> NoReturn:
    raise call.gateway.refuse_parameter(call, param, f"Invalid value for '{param}': expected {expected}.")


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bounds(call: Call, param: str, low: int, high: int) -> Sequence[Any]:
    """The contract's own bounds of a parameter, or the common ones."""
    return call.state.traits.bounds.get(param, (low, high))


def _integer(call: Call, param: str, value: Any, low: int, high: int | None) -> None:
    if type(value) is not int or value < low or (high is not None and value > high):
        _refuse(call, param, f"an integer of at least {low}" + (f" and at most {high}" if high is not None else ""))


def _number(call: Call, param: str, value: Any, low: float, high: float) -> None:
    if type(value) not in (int, float) or not low <= value <= high:
        _refuse(call, param, f"a number between {low:g} and {high:g}")


def _flag(call: Call, param: str, value: Any) -> None:
    if not isinstance(value, bool):
        _refuse(call, param, "true or false")


def _optional(call: Call, param: str, value: Any, kind: type, expected: str) -> None:
    if value is not None and not isinstance(value, kind):
        _refuse(call, param, expected)


def model(call: Call, value: Any) -> None:
    if not isinstance(value, str) or not value:
        _refuse(call, "model", "a non-empty string")


def messages(call: Call, value: Any) -> None:
    if not isinstance(value, list) or not value:
        _refuse(call, "messages", "a non-empty array")
    for n, entry in enumerate(value):
        message(call, f"messages[{n}]", entry)


def message(call: Call, at: str, entry: Any) -> None:
    """One message: a known role, and the content that this role may have."""
    if not isinstance(entry, dict):
        _refuse(call, at, "an object with role and content")
    call.gateway.check_role(call, at, entry.get("role"))
    role = entry.get("role")
    if role == "tool" and not isinstance(entry.get("tool_call_id"), str):
        _refuse(call, f"{at}.tool_call_id", "a string")
    if role == "assistant" and entry.get("tool_calls") is not None:
        _tool_calls(call, f"{at}.tool_calls", entry["tool_calls"])
    for name in _TEXTS:
        if name in entry:
            _optional(call, f"{at}.{name}", entry[name], str, "a string")
    call.gateway.check_content(call, f"{at}.content", entry)


def role(call: Call, at: str, value: Any) -> None:
    roles = call.state.traits.roles or ROLES
    if not isinstance(value, str) or value not in roles:
        _refuse(call, f"{at}.role", "one of " + ", ".join(sorted(roles)))


def content(call: Call, at: str, entry: dict[str, Any]) -> None:
    """A string or text parts; an assistant message may leave it out beside tool calls or a refusal."""
    value = entry.get("content")
    if isinstance(value, str):
        return
    if value is None and entry.get("role") == "assistant" and (entry.get("tool_calls") or entry.get("refusal")):
        return
    if not call.state.traits.text_parts:
        _refuse(call, at, "a string")
    if not isinstance(value, list) or not value:
        _refuse(call, at, "a string or a non-empty array of text parts")
    for n, part in enumerate(value):
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            _refuse(call, f"{at}[{n}]", "a part of type text with a text")


def _tool_calls(call: Call, at: str, value: Any) -> None:
    if not isinstance(value, list) or not value:
        _refuse(call, at, "a non-empty array")
    for n, entry in enumerate(value):
        function = entry.get("function") if isinstance(entry, dict) and entry.get("type") == "function" else None
        if not isinstance(function, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
            _refuse(call, f"{at}[{n}]", "an object with id, type and function")
        name, arguments = function.get("name"), function.get("arguments")
        if not isinstance(name, str) or not name or not isinstance(arguments, str):
            _refuse(call, f"{at}[{n}].function", "a name and arguments as strings")


def max_tokens(call: Call, value: Any) -> None:
    _integer(call, "max_tokens", value, 1, None)


def max_completion_tokens(call: Call, value: Any) -> None:
    _integer(call, "max_completion_tokens", value, 1, None)


def temperature(call: Call, value: Any) -> None:
    _number(call, "temperature", value, *_bounds(call, "temperature", 0, 2))


def top_p(call: Call, value: Any) -> None:
    _number(call, "top_p", value, *_bounds(call, "top_p", 0, 1))


def presence_penalty(call: Call, value: Any) -> None:
    _number(call, "presence_penalty", value, *_bounds(call, "presence_penalty", -2, 2))


def frequency_penalty(call: Call, value: Any) -> None:
    _number(call, "frequency_penalty", value, *_bounds(call, "frequency_penalty", -2, 2))


def n(call: Call, value: Any) -> None:
    _integer(call, "n", value, *_bounds(call, "n", 1, 128))


def seed(call: Call, value: Any) -> None:
    if not is_integer(value):
        _refuse(call, "seed", "an integer")


def stream(call: Call, value: Any) -> None:
    _flag(call, "stream", value)


def stream_options(call: Call, value: Any) -> None:
    if not isinstance(value, dict):
        _refuse(call, "stream_options", "an object")
    if value.get("include_usage") is not None:
        _flag(call, "stream_options.include_usage", value["include_usage"])


def logprobs(call: Call, value: Any) -> None:
    _flag(call, "logprobs", value)


def top_logprobs(call: Call, value: Any) -> None:
    _integer(call, "top_logprobs", value, 0, 20)


def stop(call: Call, value: Any) -> None:
    """A string, or up to four strings."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or len(texts) > 4 or not all(isinstance(text, str) for text in texts):
        _refuse(call, "stop", "a string or an array of at most 4 strings")


def user(call: Call, value: Any) -> None:
    if not isinstance(value, str):
        _refuse(call, "user", "a string")


def logit_bias(call: Call, value: Any) -> None:
    if not isinstance(value, dict) or not all(is_number(bias) and -100 <= bias <= 100 for bias in value.values()):
        _refuse(call, "logit_bias", "an object of numbers between -100 and 100")


def extra(call: Call, body: dict[str, Any]) -> None:
    """Numbers that only this contract takes, each within its bounds."""
    for name, known in call.state.traits.extra.items():
        if body.get(name) is not None:
            check = _integer if known["type"] == "integer" else _number
            check(call, name, body[name], known["minimum"], known["maximum"])


def parallel_tool_calls(call: Call, value: Any) -> None:
    _flag(call, "parallel_tool_calls", value)


def response_format(call: Call, value: Any) -> None:
    """text, json_object, or json_schema with a name and a schema."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        _refuse(call, "response_format", "an object of type text, json_object or json_schema")
    if kind != "json_schema":
        return
    wanted, at = value.get("json_schema"), "response_format.json_schema"
    if not isinstance(wanted, dict) or not isinstance(wanted.get("name"), str) or not _NAME.fullmatch(wanted["name"]):
        _refuse(call, at, "an object with schema, and a name of 1 to 64 letters, digits, dashes or underscores")
    if not isinstance(wanted.get("schema", {}), dict):
        _refuse(call, f"{at}.schema", "a JSON Schema object")
    _optional(call, f"{at}.description", wanted.get("description"), str, "a string")
    _optional(call, f"{at}.strict", wanted.get("strict"), bool, "true or false")


def tools(call: Call, value: Any) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= 128:
        _refuse(call, "tools", "an array of 1 to 128 tools")
    for at, tool in enumerate(value):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict):
            _refuse(call, f"tools[{at}]", "an object of type function")
        where = f"tools[{at}].function"
        if not isinstance(function.get("name"), str) or not _NAME.fullmatch(function["name"]):
            _refuse(call, f"{where}.name", "1 to 64 letters, digits, dashes or underscores")
        _optional(call, f"{where}.description", function.get("description"), str, "a string")
        _optional(call, f"{where}.parameters", function.get("parameters"), dict, "a JSON Schema object")
        _optional(call, f"{where}.strict", function.get("strict"), bool, "true or false")


def tool_choice(call: Call, value: Any) -> None:
    """none, auto, required, or one of the offered functions by name."""
    offered = {tool["function"]["name"] for tool in call.body.get("tools") or ()}
    if isinstance(value, dict):
        function = value.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if value.get("type") != "function" or not isinstance(name, str) or name not in offered:
            _refuse(call, "tool_choice", "a function that 'tools' offers")
    elif value not in ("none", "auto", "required"):
        _refuse(call, "tool_choice", "none, auto, required or a function")
    elif value == "required" and not offered:
        _refuse(call, "tool_choice", "tools to choose from")
