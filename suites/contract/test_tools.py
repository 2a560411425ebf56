"""Function calling: what is called, with which arguments, whole and streamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.judge import judge, tools
from harness.judge.chat import content, finish_reason, message
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from specs import Contract
from suites.functions import AT_POSTCODE, IN_OSLO, IN_TWO_CITIES, ORDERS, WEATHER, named

Tagged = Callable[..., str]


@probe(calls=1, prompt_tokens=160, completion_tokens=128)
def named_call(ask: Ask, tagged: Tagged) -> Exchange:
    """Asked for orders, but told to look up the weather."""
    return ask.chat(
        AT_POSTCODE, model=tagged("tools"), tools=[ORDERS, WEATHER], tool_choice=named(WEATHER), max_tokens=128
    )


@probe(calls=1, prompt_tokens=100, completion_tokens=128)
def typed_stream(ask: Ask, tagged: Tagged) -> Exchange:
    return ask.chat(
        AT_POSTCODE, model=tagged("tools"), tools=[ORDERS], tool_choice=named(ORDERS), max_tokens=128, stream=True
    )


@probe(calls=1, prompt_tokens=100, completion_tokens=128)
def two_calls(ask: Ask, tagged: Tagged) -> Exchange:
    """Asked something that two calls answer best."""
    return ask.chat(IN_TWO_CITIES, model=tagged("tools"), tools=[WEATHER], tool_choice="required", max_tokens=128)


@probe(calls=2, prompt_tokens=120, completion_tokens=16)
def forbidden_calls(ask: Ask, tagged: Tagged) -> tuple[Exchange, ...]:
    members: dict[str, Any] = {"model": tagged("tools"), "tools": [WEATHER], "tool_choice": "none"}
    return ask.chat(IN_OSLO, **members), ask.chat(IN_OSLO, stream=True, **members)


@probe(calls=1, prompt_tokens=120, completion_tokens=128)
def single_call(ask: Ask, tagged: Tagged) -> Exchange:
    members: dict[str, Any] = {"model": tagged("tools"), "tools": [WEATHER], "parallel_tool_calls": False}
    return ask.chat(IN_TWO_CITIES, tool_choice="required", max_tokens=128, **members)


@probe(calls=1, prompt_tokens=160, completion_tokens=64)
def after_result(ask: Ask, tagged: Tagged) -> Exchange:
    """A turn in which the tool has already answered with something only it can know."""
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    turns = [
        {"role": "user", "content": f"{IN_OSLO} Tell me the exact temperature."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "The temperature in Oslo is 17.3 degrees."},
    ]
    return ask.chat(messages=turns, model=tagged("tools"), tools=[WEATHER], max_tokens=64, temperature=0)


@pytest.mark.requirement("OC-060")
def test_required_choice_calls(tool_call, holds):
    holds(tools.required_choice_calls, tool_call)


@pytest.mark.requirement("OC-061")
def test_calls_are_complete(tool_call, named_call, two_calls, holds):
    holds(tools.calls_are_complete, tool_call, named_call, two_calls)


@pytest.mark.requirement("OC-062")
def test_arguments_are_json_text(tool_call, named_call, holds):
    holds(tools.arguments_are_json_text, tool_call, named_call)


@pytest.mark.requirement("OC-063")
def test_arguments_have_declared_types(tool_call, typed_stream, holds):
    holds(tools.arguments_have_declared_types, tool_call, typed_stream)


@pytest.mark.requirement("OC-064")
def test_none_calls_nothing(forbidden_calls, holds):
    holds(tools.none_calls_nothing, *forbidden_calls)


@pytest.mark.requirement("OC-065")
def test_named_function_is_called(named_call, typed_stream, holds):
    holds(tools.named_function_is_called, named_call, typed_stream)


@pytest.mark.requirement("OC-066")
def test_first_delta_of_a_call_is_complete(tool_stream, typed_stream, holds):
    holds(tools.first_delta_of_a_call_is_complete, tool_stream, typed_stream)


@pytest.mark.requirement("OC-067")
def test_name_of_a_call_is_sent_once(tool_stream, typed_stream, holds):
    holds(tools.name_is_sent_once, tool_stream, typed_stream)


@pytest.mark.requirement("OC-068")
def test_call_indices_are_contiguous(tool_stream, typed_stream, holds):
    holds(tools.call_indices_are_contiguous, tool_stream, typed_stream)


@pytest.mark.requirement("OC-069")
def test_streamed_arguments_join_to_json(tool_stream, typed_stream, holds):
    holds(tools.streamed_arguments_join_to_json, tool_stream, typed_stream)


@pytest.mark.requirement("OC-070")
def test_required_choice_streams_calls(tool_stream, holds):
    holds(tools.required_choice_streams_calls, tool_stream)


@pytest.mark.requirement("OC-071")
def test_tool_result_is_used(after_result):
    assert after_result.status == 200, f"a conversation with a tool result is answered {after_result.status}"
    assert not message(after_result).get("tool_calls"), "the tool is called again although its result is there"
    assert "17.3" in content(after_result), f"the answer does not use the result: {content(after_result)[:200]!r}"
    assert finish_reason(after_result) in {"stop", "length"}, f"finish_reason is {finish_reason(after_result)!r}"


@pytest.mark.requirement("OC-072")
def test_calls_come_without_text(tool_call, named_call, holds):
    holds(tools.calls_come_without_text, tool_call, named_call)


@pytest.mark.requirement("OC-073")
def test_parallel_calls_can_be_refused(single_call, holds):
    holds(tools.parallel_calls_can_be_refused, single_call)


@pytest.mark.requirement("OC-074")
@pytest.mark.cost(calls=2, prompt_tokens=80)
def test_unknown_function_is_refused(ask, tagged, contract, holds):
    unknown = {"type": "function", "function": {"name": "get_wether"}}
    members = {"model": tagged("tools"), "tools": [WEATHER], "tool_choice": unknown}
    refusals = ask.chat(IN_OSLO, **members), ask.chat(IN_OSLO, stream=True, **members)
    holds(tools.unknown_function_is_refused, *refusals)
    statuses, due = {refusal.status for refusal in refusals}, contract.trait("errors.invalid_status")
    assert statuses <= set(due), f"a tool_choice for an unknown function is answered {statuses}, not one of {due}"


@pytest.mark.requirement("VT-057")
@pytest.mark.cost(calls=16, prompt_tokens=80, completion_tokens=256)
def test_tools_work_on_every_tagged_model(ask: Ask, contract: Contract):
    tags = contract.trait("catalogue.tags")
    models = [row["id"] for row in ask.chatting if "tools" in (row.get(tags) or ())]
    if not models:
        raise NotObserved("no model of the catalogue is tagged tools")
    answers = {model: _forced_call(ask, model) for model in models}
    deaf = [f"{model} ({answer.status})" for model, answer in answers.items() if not _called(answer, contract)]
    assert not deaf, f"{len(deaf)} of {len(models)} models tagged tools do not call a required tool: {', '.join(deaf)}"
    if cut := [model for model, answer in answers.items() if tools.is_cut_throughout(answer)]:
        raise NotObserved(f"max_tokens ran out before the call on {', '.join(cut)}")


def _forced_call(ask: Ask, model: str) -> Exchange:
    return ask.chat(IN_OSLO, model=model, tools=[WEATHER], tool_choice="required", max_tokens=256)


def _called(answer: Exchange, contract: Contract) -> bool:
    return answer.status == 200 and not judge(tools.required_choice_calls, [answer], contract).findings
