"""Rules about tool calls, whole and streamed: what was called, with which arguments, and how the turn ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.chat import (
    CUT_SHORT,
    asked,
    choices,
    content,
    finish_reason,
    finish_reasons,
    index_of,
    indices,
    is_chat,
    is_chunked,
    is_completion,
    is_cut,
    is_filled,
    is_finished,
    is_integer,
    listed,
    member,
    objects,
    parts,
    shown,
)
from harness.wire.exchange import Exchange
from specs import Contract

NEVER_NESTED_DEEPER = 8  # levels of declared types that are compared with the arguments
OVERLOADED = frozenset({502, 503, 504, 529})  # what may be said whatever the tools are

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "object": dict,
    "array": list,
    "boolean": bool,
    "null": type(None),
}


@dataclass
class Call:
    """One tool call put together from the deltas of a stream."""

    index: Any
    deltas: list[dict[str, Any]] = field(default_factory=list)

    def pieces(self, name: str) -> list[Any]:
        """A member of the call's function in each delta that holds it."""
        functions = [delta.get("function") for delta in self.deltas]
        return [
            function[name] for function in functions if isinstance(function, dict) and function.get(name) is not None
        ]

    @property
    def arguments(self) -> str:
        return "".join(piece for piece in self.pieces("arguments") if isinstance(piece, str))


def streamed_calls(x: Exchange, index: int) -> list[Call]:
    """The tool calls of one choice of a stream, in order of appearance."""
    found: dict[str, Call] = {}
    for at, delta, _ in parts(x):
        if at == index:
            for row in objects(delta.get("tool_calls")):
                found.setdefault(shown(row.get("index")), Call(row.get("index"))).deltas.append(row)
    return list(found.values())


def whole_calls(choice: dict[str, Any]) -> list[Any]:
    """The tool calls of one choice of a whole answer, whatever they are."""
    return listed(member(choice.get("message"), "tool_calls"))


def calls_of(x: Exchange) -> list[list[Any]]:
    """The tool calls of each choice, streamed or whole."""
    if is_chunked(x):
        return [list(streamed_calls(x, index)) for index in indices(x)]
    return [whole_calls(choice) for choice in choices(x.json)]


def arguments(x: Exchange) -> list[Any]:
    """The arguments of every call of an answer, decoded; None for those that are not JSON."""
    return [_decoded(text) for _, text in _arguments(x)]


def _arguments(x: Exchange) -> Iterator[tuple[Any, Any]]:
    """Name and arguments of each call whose choice was not cut short."""
    if is_chunked(x):
        for index in indices(x):
            if not is_cut(x, index):
                yield from (
                    (next(iter(call.pieces("name")), None), call.arguments) for call in streamed_calls(x, index)
                )
    else:
        for choice in choices(x.json):
            if not is_cut(x, index_of(choice)):
                functions = [member(call, "function") for call in whole_calls(choice)]
                yield from ((member(function, "name"), member(function, "arguments")) for function in functions)


def _decoded(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


# --- What was asked --------------------------------------------------------------------------------------------


def offered(x: Exchange) -> dict[str, Any]:
    """The functions of the request: name to parameters."""
    functions = [member(tool, "function") for tool in objects(asked(x).get("tools"))]
    return {f["name"]: f.get("parameters") for f in functions if isinstance(f, dict) and is_filled(f.get("name"))}


def named_choice(x: Exchange) -> str | None:
    """The function that tool_choice demands by name."""
    name = member(member(asked(x).get("tool_choice"), "function"), "name")
    return name if is_filled(name) else None


def requires_call(x: Exchange) -> bool:
    return asked(x).get("tool_choice") == "required" and bool(offered(x))


def is_cut_throughout(x: Exchange) -> bool:
    """An answer none of whose choices was complete: max_tokens ran out before the call."""
    return bool(indices(x)) and all(is_cut(x, index) for index in indices(x))


def is_answer(x: Exchange) -> bool:
    """A whole answer, or a stream read to its end."""
    return is_completion(x) or is_finished(x)


def required_whole(x: Exchange) -> bool:
    return is_completion(x) and requires_call(x) and not is_cut_throughout(x)


def required_streamed(x: Exchange) -> bool:
    return is_finished(x) and requires_call(x) and not is_cut_throughout(x)


def forbids_calls(x: Exchange) -> bool:
    return is_answer(x) and asked(x).get("tool_choice") == "none"


def names_function(x: Exchange) -> bool:
    return is_answer(x) and named_choice(x) in offered(x) and not is_cut_throughout(x)


def names_unknown_function(x: Exchange) -> bool:
    named = named_choice(x)
    decided = x.head_status is not None and x.head_status not in OVERLOADED
    return is_chat(x) and decided and bool(offered(x)) and named is not None and named not in offered(x)


def one_call_at_most(x: Exchange) -> bool:
    return is_answer(x) and asked(x).get("parallel_tool_calls") is False


def calls_tools(x: Exchange) -> bool:
    return is_completion(x) and any(whole_calls(choice) for choice in choices(x.json))


def streams_calls(x: Exchange) -> bool:
    return is_chunked(x) and any(streamed_calls(x, index) for index in indices(x))


def finished_with_calls(x: Exchange) -> bool:
    return is_finished(x) and streams_calls(x)


def called(x: Exchange) -> bool:
    return calls_tools(x) or finished_with_calls(x)


def forced_calls(x: Exchange) -> bool:
    """A whole answer that only had to call: nothing asked for text beside it."""
    return calls_tools(x) and (requires_call(x) or named_choice(x) is not None)


# --- Whole answers ---------------------------------------------------------------------------------------------


@rule("OC-060", on=required_whole)
def required_choice_calls(x: Exchange, contract: Contract) -> Problems:
    """With tool_choice required each choice calls and says so in its finish_reason."""
    for choice in choices(x.json):
        yield from _required(bool(whole_calls(choice)), choice.get("finish_reason"), shown(choice.get("message")))


def _required(has_calls: bool, reason: object, instead: str) -> Problems:
    if isinstance(reason, str) and reason in CUT_SHORT:
        return
    if not has_calls:
        yield Problem("tool_choice required brought no tool call", expected="tool_calls", observed=instead)
    if reason != "tool_calls":
        yield Problem("finish_reason of a required call is wrong", expected="tool_calls", observed=shown(reason, 80))


@rule("OC-061", on=calls_tools)
def calls_are_complete(x: Exchange, contract: Contract) -> Problems:
    """Each call has an id of its own, the type function and the name of an offered function."""
    for choice in choices(x.json):
        rows = whole_calls(choice)
        ids = [member(call, "id") for call in rows]
        if not all(is_filled(i) for i in ids):
            yield Problem("a tool call has no id", expected="a non-empty string", observed=shown(ids))
        elif len(set(ids)) < len(ids):
            yield Problem("two tool calls have one id", expected="an id for each call", observed=shown(ids))
        for call in rows:
            if member(call, "type") != "function":
                yield Problem("the type of a tool call is wrong", "function", shown(member(call, "type"), 80))
            name = member(member(call, "function"), "name")
            if not (isinstance(name, str) and name in offered(x)):
                yield Problem(
                    "a call names a function that was not offered", shown(sorted(offered(x))), shown(name, 80)
                )


@rule("OC-062", on=calls_tools)
def arguments_are_json_text(x: Exchange, contract: Contract) -> Problems:
    """The arguments of each call are a string that holds one JSON object."""
    yield from _not_json_text(x)


def _not_json_text(x: Exchange) -> Problems:
    for _, text in _arguments(x):
        if not isinstance(text, str):
            yield Problem(f"arguments is no string but {type(text).__name__}", "a string of JSON", shown(text))
        elif not isinstance(_decoded(text), dict):
            yield Problem("arguments does not hold a JSON object", expected="one JSON object", observed=text[:200])


@rule("OC-063", on=called)
def arguments_have_declared_types(x: Exchange, contract: Contract) -> Problems:
    """Each argument has the type its parameter declares."""
    for name, text in _arguments(x):
        declared = offered(x).get(name) if isinstance(name, str) else None
        yield from _mistyped(_decoded(text), declared, "arguments")


def _mistyped(value: Any, schema: Any, where: str, depth: int = 0) -> Problems:
    """Values whose JSON type differs from the declared one. A null is a value left out, which is judged elsewhere."""
    if not isinstance(schema, dict) or depth > NEVER_NESTED_DEEPER or value is None:
        return
    kinds = schema.get("type")
    names = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)]
    if names and not any(_is_a(value, kind) for kind in names):
        yield Problem(f"{where} is not of the declared type", " or ".join(names), shown(value))
    elif isinstance(value, dict) and isinstance(schema.get("properties"), dict):
        for name, inner in schema["properties"].items():
            yield from _mistyped(value.get(name), inner, f"{where}.{name}", depth + 1)
    elif isinstance(value, list):
        for item in value[:100]:
            yield from _mistyped(item, schema.get("items"), f"{where}[]", depth + 1)


def _is_a(value: Any, kind: str) -> bool:
    if kind == "integer":
        return is_integer(value) or (isinstance(value, float) and value.is_integer())
    if kind == "number":
        return is_integer(value) or isinstance(value, float)
    return isinstance(value, _TYPES.get(kind, object))


@rule("OC-064", on=forbids_calls)
def none_calls_nothing(x: Exchange, contract: Contract) -> Problems:
    """With tool_choice none nothing is called."""
    if any(calls := calls_of(x)):
        yield Problem("tools were called though tool_choice is none", expected="text", observed=shown(calls))


@rule("OC-065", on=names_function)
def named_function_is_called(x: Exchange, contract: Contract) -> Problems:
    """With a named tool_choice that function is called, and the turn ends with tool_calls or stop."""
    due = named_choice(x)
    names = [name for name, _ in _arguments(x)]
    reasons = [reason for given in finish_reasons(x).values() for reason in given]
    if any(is_cut(x, index) for index in indices(x)):
        return
    if not names or any(name != due for name in names):
        yield Problem("another function was called than tool_choice names", expected=due, observed=shown(names))
    if wrong := [reason for reason in reasons if reason not in ("tool_calls", "stop")]:
        yield Problem("finish_reason of a named call is wrong", expected="tool_calls or stop", observed=shown(wrong[0]))


@rule("OC-072", on=forced_calls)
def calls_come_without_text(x: Exchange, contract: Contract) -> Problems:
    """A message that was to call and nothing else holds no text."""
    for index in indices(x):
        if content(x, index).strip():
            yield Problem(
                "a message that only calls tools holds text", "null or empty content", content(x, index)[:200]
            )


@rule("OC-073", on=one_call_at_most)
def parallel_calls_can_be_refused(x: Exchange, contract: Contract) -> Problems:
    """With parallel_tool_calls false a message holds at most one call."""
    if (most := max(map(len, calls_of(x)), default=0)) > 1:
        yield Problem(f"{most} tools were called though parallel_tool_calls is false", expected="at most one call")


@rule("OC-074", on=names_unknown_function)
def unknown_function_is_refused(x: Exchange, contract: Contract) -> Problems:
    """A tool_choice that names no offered function is refused. Which refusal comes first is not judged here."""
    if not 400 <= (x.head_status or 0) < 500:
        expected = " or ".join(map(str, contract.trait("errors.invalid_status")))
        yield Problem("a tool_choice for an unknown function is not refused", expected, str(x.head_status))


# --- Streams ---------------------------------------------------------------------------------------------------


@rule("OC-066", on=streams_calls)
def first_delta_of_a_call_is_complete(x: Exchange, contract: Contract) -> Problems:
    """The first delta of each call carries id, type and name."""
    for call in (call for index in indices(x) for call in streamed_calls(x, index)):
        first = call.deltas[0]
        name = member(first.get("function"), "name")
        if not is_filled(first.get("id")):
            yield Problem("the first delta of a call has no id", "a non-empty string", shown(first.get("id"), 80))
        if first.get("type") != "function":
            yield Problem("the first delta of a call has another type", "function", shown(first.get("type"), 80))
        if not (isinstance(name, str) and name in offered(x)):
            yield Problem(
                "the first delta of a call names no offered function", shown(sorted(offered(x))), shown(name, 80)
            )


@rule("OC-067", on=streams_calls)
def name_is_sent_once(x: Exchange, contract: Contract) -> Problems:
    """Only the first delta of a call carries its name."""
    for call in (call for index in indices(x) for call in streamed_calls(x, index)):
        names = [name for name in call.pieces("name") if name != ""]
        if len(names) > 1:
            yield Problem(f"the name of a call was sent {len(names)} times", "once, in its first delta", shown(names))


@rule("OC-068", on=streams_calls)
def call_indices_are_contiguous(x: Exchange, contract: Contract) -> Problems:
    """The calls of a choice have the indices 0 to k-1 in order."""
    for index in indices(x):
        found = [call.index for call in streamed_calls(x, index)]
        if not all(is_integer(at) for at in found) or found != list(range(len(found))):
            yield Problem("the indices of streamed calls are wrong", shown(list(range(len(found)))), shown(found))


@rule("OC-069", on=finished_with_calls)
def streamed_arguments_join_to_json(x: Exchange, contract: Contract) -> Problems:
    """The pieces of each call's arguments join to one JSON object."""
    for call in (call for index in indices(x) for call in streamed_calls(x, index)):
        if any(not isinstance(piece, str) for piece in call.pieces("arguments")):
            yield Problem("a piece of streamed arguments is no string", observed=shown(call.pieces("arguments")))
            return
    yield from _not_json_text(x)


@rule("OC-070", on=required_streamed)
def required_choice_streams_calls(x: Exchange, contract: Contract) -> Problems:
    """A streamed request with tool_choice required yields deltas of calls and ends with tool_calls."""
    if not indices(x):
        yield Problem("tool_choice required brought no choice", expected="tool_calls")
    for index in indices(x):
        yield from _required(bool(streamed_calls(x, index)), finish_reason(x, index), shown(content(x, index)))
