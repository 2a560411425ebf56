"""Defects of function calling: what is called, with which arguments, whole and streamed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import completion, stream, tools
from mockserver.behaviours.engine import ToolCall
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.upstream import Job, Piece

Json = dict[str, Any]


def with_call(gateway: Gateway, change: Callable[[Json], Json]) -> Gateway:
    """The gateway with every tool call of whole answers changed."""
    return replace(gateway, tool_call=lambda *told: change(completion.tool_call(*told)))


def with_function(gateway: Gateway, change: Callable[[Json], Json]) -> Gateway:
    """The gateway with the function of every tool call of whole answers changed."""
    return with_call(gateway, lambda call: {**call, "function": change(call["function"])})


def with_head(gateway: Gateway, change: Callable[[Json], Json]) -> Gateway:
    """The gateway with the first delta of every streamed call changed."""

    def head(call: Call, tool: Json) -> Json:
        (row,) = stream.tool_head_delta(call, tool)["tool_calls"]
        return {"tool_calls": [change(row)]}

    return replace(gateway, tool_head_delta=head)


def with_arguments(gateway: Gateway, change: Callable[[str], str]) -> Gateway:
    """The gateway with the arguments changed that the model writes."""
    return replace(gateway, arguments=lambda schema, words, rng: change(tools.arguments(schema, words, rng)))


def with_tool_choice(gateway: Gateway, change: Callable[[Any], Any]) -> Gateway:
    """The gateway with another reading of tool_choice."""
    return replace(gateway, tool_choice_of=lambda body: change(tools.tool_choice_of(body)))


# --- The choice ------------------------------------------------------------------------------------------------


@defect(("OC-060", "OC-070", "VT-057"))
def answers_required_calls_in_prose(gateway: Gateway) -> Gateway:
    """Reads tool_choice required as none."""
    return with_tool_choice(gateway, lambda choice: "none" if choice == "required" else choice)


@defect(("OC-060", "VT-057"), seen=("C55",))
def ends_a_forced_call_with_stop(gateway: Gateway) -> Gateway:
    """Says stop where tool_calls is due, in whole answers."""
    return replace(gateway, finish_reason=lambda call, reason: "stop" if reason == "tool_calls" else reason)


@defect("OC-070", seen=("C55",))
def ends_a_streamed_call_with_stop(gateway: Gateway) -> Gateway:
    """Says stop where tool_calls is due, in streams."""
    return replace(gateway, stream_finish_reason=lambda call, reason: "stop" if reason == "tool_calls" else reason)


@defect("OC-064", seen=("C68",))
def calls_tools_when_told_not_to(gateway: Gateway) -> Gateway:
    """Ignores tool_choice none."""
    return with_tool_choice(gateway, lambda choice: "auto" if choice == "none" else choice)


@defect("OC-065")
def picks_another_function(gateway: Gateway) -> Gateway:
    """Reads a named tool_choice as required, and calls what seems to fit."""
    return with_tool_choice(gateway, lambda choice: "required" if isinstance(choice, dict) else choice)


@defect("OC-065")
def answers_named_calls_in_prose(gateway: Gateway) -> Gateway:
    """Reads a named tool_choice as none."""
    return with_tool_choice(gateway, lambda choice: "none" if isinstance(choice, dict) else choice)


@defect("OC-073")
def calls_in_parallel_regardless(gateway: Gateway) -> Gateway:
    """Ignores parallel_tool_calls false."""
    return replace(
        gateway, subjects_of=lambda body, prompt: tools.subjects_of({**body, "parallel_tool_calls": True}, prompt)
    )


@defect("OC-074")
def picks_a_function_for_an_unknown_name(gateway: Gateway) -> Gateway:
    """Accepts a tool_choice that names no offered function, and chooses one itself."""

    def offered(body: Json) -> Any:
        choice = tools.tool_choice_of(body)
        names = [tool["function"]["name"] for tool in body.get("tools") or ()]
        return choice if not isinstance(choice, dict) or choice["function"]["name"] in names else "required"

    return replace(gateway, check_tool_choice=lambda call, value: None, tool_choice_of=offered)


@defect("OC-074", also=("OC-116",))
def crashes_on_an_unknown_function(gateway: Gateway) -> Gateway:
    """Answers 500 to a tool_choice that names no offered function."""
    return replace(gateway, check_tool_choice=lambda call, value: None)


@defect("VT-057")
def gives_tools_to_one_model_only(gateway: Gateway) -> Gateway:
    """Refuses tools on all tagged models but the ones of one vendor."""
    return replace(gateway, can_use_tools=lambda call, row: row.id.startswith("deepseek-ai/"))


@defect("VT-057")
def leaves_one_model_without_a_tool_parser(gateway: Gateway) -> Gateway:
    """Writes calls as text on the models of one vendor."""

    def pick(job: Job, rng: random.Random) -> list[ToolCall]:
        return [] if "qwen" in job.body["model"].lower() else tools.pick_calls(job, rng)

    return replace(gateway, pick_calls=pick)


# --- Whole calls -----------------------------------------------------------------------------------------------


@defect("OC-061")
def calls_without_an_id(gateway: Gateway) -> Gateway:
    """Leaves the id of a call empty."""
    return with_call(gateway, lambda call: {**call, "id": ""})


@defect("OC-061")
def gives_all_calls_one_id(gateway: Gateway) -> Gateway:
    """Names every call call_0."""
    return replace(gateway, tool_call_id=lambda rng: "call_0")


@defect("OC-061")
def calls_without_a_type(gateway: Gateway) -> Gateway:
    """Leaves type out of a call."""
    return with_call(gateway, lambda call: {name: value for name, value in call.items() if name != "type"})


@defect("OC-061", seen=("C62",))
def calls_a_function_without_a_name(gateway: Gateway) -> Gateway:
    """Leaves the name of the function empty."""
    return with_function(gateway, lambda function: {**function, "name": ""})


@defect(("OC-061", "OC-065"))
def renames_the_function(gateway: Gateway) -> Gateway:
    """Puts a namespace before the name of the function."""
    return with_function(gateway, lambda function: {**function, "name": f"functions.{function['name']}"})


@defect("OC-062", seen=("C64",))
def sends_arguments_as_an_object(gateway: Gateway) -> Gateway:
    """Sends the arguments as a JSON object where a string is due."""
    return with_function(gateway, lambda function: {**function, "arguments": json.loads(function["arguments"])})


@defect(("OC-062", "OC-069"), also=("OC-063",), seen=("C65",))
def cuts_the_arguments_short(gateway: Gateway) -> Gateway:
    """Loses the last two characters of the arguments."""
    return with_arguments(gateway, lambda text: text[:-2])


@defect(("OC-062", "OC-069"), also=("OC-063",), seen=("C65",))
def quotes_arguments_like_python(gateway: Gateway) -> Gateway:
    """Writes the arguments as a Python literal."""
    return with_arguments(gateway, lambda text: str(json.loads(text)))


@defect("OC-063", seen=("C67",))
def turns_digits_into_numbers(gateway: Gateway) -> Gateway:
    """Turns a string of digits into a number."""

    def coerced(text: str) -> str:
        values = json.loads(text).items()
        return json.dumps({k: int(v) if isinstance(v, str) and v.isdigit() else v for k, v in values})

    return with_arguments(gateway, coerced)


@defect("OC-063")
def turns_numbers_into_text(gateway: Gateway) -> Gateway:
    """Sends every argument as a string."""
    return with_arguments(gateway, lambda text: json.dumps({k: str(v) for k, v in json.loads(text).items()}))


@defect("OC-072", seen=("C71",))
def leaves_markup_beside_calls(gateway: Gateway) -> Gateway:
    """Leaves the markup of a call in the content."""

    def marked(call: Call, pieces: list[Piece]) -> Json:
        message = completion.message(call, pieces)
        return {**message, "content": message["content"] or "<tool_call>{}</tool_call>"}

    return replace(gateway, message=marked)


# --- The turn after --------------------------------------------------------------------------------------------


@defect("OC-071", seen=("C70",))
def forgets_the_tool_result(gateway: Gateway) -> Gateway:
    """Strips calls and results from the history, so that the model asks again."""

    def stripped(call: Call) -> Json:
        body = completion.upstream_body(call)
        turns = [m for m in body["messages"] if m["role"] != "tool" and not m.get("tool_calls")]
        return {**body, "messages": turns}

    return replace(gateway, upstream_body=stripped)


@defect("OC-071")
def answers_without_the_tool_result(gateway: Gateway) -> Gateway:
    """Blanks the content of tool messages on their way to the model."""

    def blanked(call: Call) -> Json:
        body = completion.upstream_body(call)
        return {**body, "messages": [{**m, "content": ""} if m["role"] == "tool" else m for m in body["messages"]]}

    return replace(gateway, upstream_body=blanked)


@defect(("OC-071", "OC-022"))
def refuses_tool_messages(gateway: Gateway) -> Gateway:
    """Refuses messages of the role tool."""

    def check(call: Call, at: str, role: Any) -> None:
        if role == "tool":
            raise gateway.refuse_parameter(call, at, "Invalid role.")
        gateway.check_role(call, at, role)

    return replace(gateway, check_role=check)


# --- Streamed calls --------------------------------------------------------------------------------------------


@defect("OC-066")
def streams_calls_without_an_id(gateway: Gateway) -> Gateway:
    """Starts a streamed call with the id null."""
    return with_head(gateway, lambda row: {**row, "id": None})


@defect("OC-066", seen=("C59",))
def streams_calls_without_a_type(gateway: Gateway) -> Gateway:
    """Starts a streamed call without its type."""
    return with_head(gateway, lambda row: {name: value for name, value in row.items() if name != "type"})


@defect("OC-066", seen=("C62",))
def streams_calls_without_a_name(gateway: Gateway) -> Gateway:
    """Starts a streamed call with an empty name."""
    return with_head(gateway, lambda row: {**row, "function": {"name": "", "arguments": ""}})


@defect("OC-067", seen=("C58",))
def repeats_the_name_in_every_delta(gateway: Gateway) -> Gateway:
    """Sends the name of the function with every piece of its arguments."""

    def piece(call: Call, index: int, arguments: str, head: Json) -> Json:
        return {"tool_calls": [{"index": index, "function": {"name": head["name"], "arguments": arguments}}]}

    return replace(gateway, tool_arguments_delta=piece)


def renumbered(gateway: Gateway, number: Callable[[int], int]) -> Gateway:
    """The gateway with other indices of streamed calls."""
    head = with_head(gateway, lambda row: {**row, "index": number(row["index"])})
    return replace(head, tool_arguments_delta=lambda c, i, *rest: gateway.tool_arguments_delta(c, number(i), *rest))


@defect("OC-068", seen=("C61",))
def numbers_calls_from_one(gateway: Gateway) -> Gateway:
    """Gives the first streamed call the index 1."""
    return renumbered(gateway, lambda index: index + 1)


@defect("OC-068")
def skips_a_call_index(gateway: Gateway) -> Gateway:
    """Numbers streamed calls 0, 2, 4."""
    return renumbered(gateway, lambda index: 2 * index)


@defect(("OC-067", "OC-069"))
def streams_all_calls_under_one_index(gateway: Gateway) -> Gateway:
    """Gives every streamed call the index 0, so that two run into one."""
    return renumbered(gateway, lambda index: 0)


@defect("OC-069", seen=("C05", "C65"))
def loses_the_end_of_streamed_arguments(gateway: Gateway) -> Gateway:
    """Drops the piece of the arguments that closes them."""

    def open_ended(call: Call, index: int, arguments: str, head: Json) -> Json | None:
        return None if "}" in arguments else stream.tool_arguments_delta(call, index, arguments, head)

    return replace(gateway, tool_arguments_delta=open_ended)


@defect("OC-069", also=("OC-063",))
def streams_arguments_as_objects(gateway: Gateway) -> Gateway:
    """Sends each piece of streamed arguments inside an object."""

    def boxed(call: Call, index: int, arguments: str, head: Json) -> Json:
        return {"tool_calls": [{"index": index, "function": {"arguments": {"text": arguments}}}]}

    return replace(gateway, tool_arguments_delta=boxed)


@defect("OC-070", seen=("C71",))
def streams_calls_as_text(gateway: Gateway) -> Gateway:
    """Streams the markup of a call as text, and parses it only without streaming."""
    return replace(
        gateway,
        tool_head_delta=lambda call, tool: {"content": f"<tool_call>{tool['name']}"},
        tool_arguments_delta=lambda call, index, arguments, head: {"content": arguments},
    )
