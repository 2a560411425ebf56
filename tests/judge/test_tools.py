"""Rules about tool calls: each good call passes, each way to break one is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.judge import Rule, judge, tools
from harness.wire.exchange import Exchange
from specs import load
from tests.judge.builders import asked, completion, good_choice, good_chunk, good_completion, stream

CONTRACT = load("openai-core")
RULES = [value for value in vars(tools).values() if isinstance(value, Rule)]
PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "limit": {"type": "number"},
    },
}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
ARGUMENTS = '{"city": "01234", "days": null, "tags": ["a"], "limit": 2}'


def wanted(choice: Any = "required", **members: Any) -> dict[str, Any]:
    return asked(tools=[TOOL], tool_choice=choice, **members)


def named(name: str = "get_weather") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def call(arguments: Any = ARGUMENTS, name: Any = "get_weather", **members: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **members}


def whole(
    *calls: Any, request: Any = None, finish: str = "tool_calls", content: str | None = None, status: int = 200
) -> Exchange:
    message = {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {})}
    document = good_completion(choices=[good_choice(message=message, finish_reason=finish)])
    return completion(document, request=request or wanted(), status=status)


def head(index: Any = 0, **members: Any) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": ""}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function, **members}


def piece(text: Any, index: int = 0, **function: Any) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": text, **function}}


def streamed(*deltas: Any, request: Any = None, finish: str = "tool_calls") -> Exchange:
    lines = [good_chunk(role=True)]
    for delta in deltas:
        lines.append(good_chunk())
        lines[-1]["choices"][0]["delta"] = {"tool_calls": [delta]}
    wish = {**(request or wanted()), "stream": True}
    return stream([*lines, good_chunk(finish=finish), "[DONE]"], request=wish)


HALVES = (piece(ARGUMENTS[:9]), piece(ARGUMENTS[9:]))
ONLY_ONE = wanted(parallel_tool_calls=False)


@pytest.mark.parametrize(
    "exchange",
    [
        whole(call()),
        whole(call(), call(id="call_2")),
        whole(call(), request=wanted(named()), finish="stop"),
        whole(call('{"city": "Os'), finish="length"),
        whole(request=wanted("none"), finish="stop", content="It rains."),
        whole(request=wanted("auto"), finish="stop", content="It rains."),
        whole(request=wanted(named("other")), status=400),
        whole(request=wanted(named("other")), status=401),
        whole(request=wanted(), finish="length", content="<think>"),
        whole(call(), request=ONLY_ONE),
        streamed(head(), *HALVES),
        streamed(head(), *HALVES, head(1), piece("{}", 1)),
        streamed(head(), piece('{"ci'), finish="length"),
        streamed(head(), piece(ARGUMENTS, name=None)),
    ],
)
def test_legitimate_answers_pass(exchange: Exchange) -> None:
    assert [finding for rule in RULES for finding in judge(rule, [exchange], CONTRACT).findings] == []


def arguments(**members: Any) -> str:
    return json.dumps(members)


@pytest.mark.parametrize(
    ("rule", "exchange", "words"),
    [
        (tools.required_choice_calls, whole(content="It rains.", finish="stop"), "no tool call"),
        (tools.required_choice_calls, whole(call(), finish="stop"), "finish_reason"),
        (tools.calls_are_complete, whole(call(id="")), "no id"),
        (tools.calls_are_complete, whole(call(), call()), "one id"),
        (tools.calls_are_complete, whole(call(type=None)), "type"),
        (tools.calls_are_complete, whole(call(name="other")), "not offered"),
        (tools.calls_are_complete, whole("call"), "not offered"),
        (tools.arguments_are_json_text, whole(call({"city": "Oslo"})), "no string"),
        (tools.arguments_are_json_text, whole(call('{"city": "Os')), "JSON object"),
        (tools.arguments_are_json_text, whole(call("[]")), "JSON object"),
        (tools.arguments_have_declared_types, whole(call(arguments(city=1234))), "arguments.city"),
        (tools.arguments_have_declared_types, whole(call(arguments(days=True))), "arguments.days"),
        (tools.arguments_have_declared_types, whole(call(arguments(tags=[1]))), "arguments.tags[]"),
        (tools.arguments_have_declared_types, streamed(head(), piece(arguments(limit="2"))), "arguments.limit"),
        (tools.none_calls_nothing, whole(call(), request=wanted("none")), "tool_choice is none"),
        (tools.none_calls_nothing, streamed(head(), request=wanted("none")), "tool_choice is none"),
        (tools.named_function_is_called, whole(call(name="other"), request=wanted(named())), "another function"),
        (tools.named_function_is_called, whole(request=wanted(named()), content="no", finish="stop"), "another"),
        (tools.named_function_is_called, whole(call(), request=wanted(named()), finish="x"), "finish_reason"),
        (tools.calls_come_without_text, whole(call(), content="<tool_call>"), "holds text"),
        (tools.parallel_calls_can_be_refused, whole(call(), call(id="2"), request=ONLY_ONE), "2 tools"),
        (tools.parallel_calls_can_be_refused, streamed(head(), head(1), request=ONLY_ONE), "2 tools"),
        (tools.unknown_function_is_refused, whole(request=wanted(named("other"))), "not refused"),
        (tools.unknown_function_is_refused, whole(request=wanted(named("other")), status=500), "not refused"),
        (tools.first_delta_of_a_call_is_complete, streamed(head(id=None), *HALVES), "no id"),
        (tools.first_delta_of_a_call_is_complete, streamed(head(type=None), *HALVES), "another type"),
        (tools.first_delta_of_a_call_is_complete, streamed(*HALVES), "names no offered function"),
        (tools.name_is_sent_once, streamed(head(), piece("{}", name="get_weather")), "2 times"),
        (tools.call_indices_are_contiguous, streamed(head(1), piece("{}", 1)), "indices"),
        (tools.call_indices_are_contiguous, streamed(head(True)), "indices"),
        (tools.call_indices_are_contiguous, streamed(head(), head(2)), "indices"),
        (tools.streamed_arguments_join_to_json, streamed(head(), HALVES[0]), "JSON object"),
        (tools.streamed_arguments_join_to_json, streamed(head(), piece({"city": "Oslo"})), "no string"),
        (tools.required_choice_streams_calls, streamed(finish="stop"), "no tool call"),
        (tools.required_choice_streams_calls, streamed(head(), *HALVES, finish="stop"), "finish_reason"),
    ],
)
def test_breaches_are_named(rule: Rule, exchange: Exchange, words: str) -> None:
    judged = judge(rule, [exchange], CONTRACT)
    assert judged.subjects == 1, "the exchange is no subject of the rule"
    assert any(words in finding.message for finding in judged.findings), judged.findings
