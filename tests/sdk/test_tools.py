"""Function calling through the SDK: the whole round trip, and the pieces of a streamed call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai import OpenAI, pydantic_function_tool
from pydantic import BaseModel

from tests.sdk.conftest import MODEL, asks


class GetWeather(BaseModel):
    """Current weather of a city."""

    city: str
    days: int


TOOL = pydantic_function_tool(GetWeather, name="get_weather")
OSLO = "What is the weather in Oslo?"


def test_a_call_its_result_and_the_answer(client: OpenAI) -> None:
    asked = client.chat.completions.create(**asks(OSLO, tools=[TOOL]))
    (call,) = asked.choices[0].message.tool_calls or []
    assert (asked.choices[0].finish_reason, call.type) == ("tool_calls", "function")
    assert GetWeather.model_validate_json(call.function.arguments).city == "Oslo"

    result = {"role": "tool", "tool_call_id": call.id, "content": "14 degrees, light rain"}
    history: list[Any] = [{"role": "user", "content": OSLO}, asked.choices[0].message, result]
    told = client.chat.completions.create(model=MODEL, messages=history, tools=[TOOL])
    assert "14 degrees, light rain" in (told.choices[0].message.content or "")
    assert told.choices[0].finish_reason == "stop"


def test_the_parser_gives_typed_arguments(client: OpenAI) -> None:
    answer = client.chat.completions.parse(**asks(OSLO, tools=[TOOL]))
    (call,) = answer.choices[0].message.tool_calls or []
    parsed = call.function.parsed_arguments
    assert isinstance(parsed, GetWeather)
    assert parsed.city == "Oslo"


def test_two_cities_are_two_calls_unless_forbidden(client: OpenAI) -> None:
    question = "What is the weather in Paris and Oslo?"
    cities = [_cities(client, question), _cities(client, question, parallel_tool_calls=False)]
    assert [len(found) for found in cities] == [2, 1]
    assert set(cities[0]) == {"Paris", "Oslo"}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_a_demanded_call_arrives_whatever_was_asked(client: OpenAI, choice: Any) -> None:
    assert len(_cities(client, "Good morning.", tool_choice=choice)) == 1


def test_a_forbidden_call_does_not(client: OpenAI) -> None:
    answer = client.chat.completions.create(**asks(OSLO, tools=[TOOL], tool_choice="none"))
    assert (answer.choices[0].message.tool_calls, answer.choices[0].finish_reason) == (None, "stop")


def test_streamed_pieces_join_to_the_call(client: OpenAI) -> None:
    with client.chat.completions.create(**asks(OSLO, tools=[TOOL], stream=True)) as stream:
        chunks = [chunk for chunk in stream if chunk.choices]
    pieces = [piece for chunk in chunks for piece in chunk.choices[0].delta.tool_calls or ()]
    functions = [piece.function for piece in pieces if piece.function]
    assert pieces[0].id
    assert [function.name for function in functions if function.name] == ["get_weather"]
    assert json.loads("".join(function.arguments or "" for function in functions))["city"] == "Oslo"
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_stream_helper_rebuilds_both_calls(client: OpenAI) -> None:
    with client.chat.completions.stream(**asks("What is the weather in Paris and Oslo?", tools=[TOOL])) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    assert [event.index for event in done] == [0, 1]
    calls = final.choices[0].message.tool_calls or ()
    assert {getattr(call.function.parsed_arguments, "city", None) for call in calls} == {"Paris", "Oslo"}


def _cities(client: OpenAI, question: str, **members: Any) -> list[str]:
    answer = client.chat.completions.create(**asks(question, tools=[TOOL], **members))
    return [json.loads(call.function.arguments)["city"] for call in answer.choices[0].message.tool_calls or ()]
