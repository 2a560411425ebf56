"""Answers without a stream: what the brain says and how it is shaped."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.mockserver.conftest import MODEL, WEATHER, Lab


def choice(lab: Lab, content: str, **body: Any) -> dict[str, Any]:
    answer = lab.chat(content, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["choices"][0])


def test_usage_adds_up_and_ids_differ(lab: Lab) -> None:
    one, two = lab.chat().json(), lab.chat().json()
    usage = one["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert one["id"] != two["id"]


def test_repeats_text_of_many_scripts_exactly(lab: Lab) -> None:
    text = "漢字 🎉👩‍🚀 e\u0301 Ω"
    assert choice(lab, f"Repeat exactly: {text}")["message"]["content"] == text


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_limits_bound_the_output(lab: Lab, limit: str) -> None:
    answer = lab.chat("Count from 1 to 500", **{limit: 7}).json()
    assert (answer["usage"]["completion_tokens"], answer["choices"][0]["finish_reason"]) == (7, "length")


def test_stop_sequence_across_tokens_is_left_out(lab: Lab) -> None:
    found = choice(lab, "Count from 1 to 20 separated by commas", stop=["zzz", "7, 8"])
    assert (found["message"]["content"], found["finish_reason"]) == ("1, 2, 3, 4, 5, 6, ", "stop")


def test_temperature_zero_and_seed_repeat_the_text_and_nothing_else_does(lab: Lab) -> None:
    def say(**body: Any) -> str:
        return str(choice(lab, "Tell me something", **body)["message"]["content"])

    assert say(temperature=0) == say(temperature=0)
    assert say(seed=7) == say(seed=7)
    assert len({say() for _ in range(4)}) > 1


def test_every_choice_is_counted(lab: Lab) -> None:
    answer = lab.chat("Count from 1 to 500", n=3, max_tokens=5).json()
    assert [found["index"] for found in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["completion_tokens"] == 15


def test_logprob_tokens_spell_the_content(lab: Lab) -> None:
    found = choice(lab, "Repeat exactly: naïve 🎉 text", logprobs=True, top_logprobs=3)
    entries = found["logprobs"]["content"]
    assert b"".join(bytes(entry["bytes"]) for entry in entries).decode() == found["message"]["content"]
    assert all(entry["logprob"] <= 0 and len(entry["top_logprobs"]) == 3 for entry in entries)


def test_top_logprobs_zero_keeps_logprobs(lab: Lab) -> None:
    entries = choice(lab, "Hello", logprobs=True, top_logprobs=0)["logprobs"]["content"]
    assert entries
    assert all(entry["top_logprobs"] == [] for entry in entries)


def test_json_schema_is_followed(lab: Lab) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}
    jsonschema.validate(
        json.loads(choice(lab, "Invent a person", response_format=wanted)["message"]["content"]), schema
    )


def test_required_tool_call_has_arguments_of_the_declared_types(lab: Lab) -> None:
    found = choice(lab, "What is it like in Paris?", tools=[WEATHER], tool_choice="required")
    call = found["message"]["tool_calls"][0]
    arguments = json.loads(call["function"]["arguments"])
    assert (found["finish_reason"], found["message"]["content"]) == ("tool_calls", None)
    assert arguments["city"] == "Paris"
    jsonschema.validate(arguments, WEATHER["function"]["parameters"])  # type: ignore[index]


def test_two_cities_make_two_calls_unless_parallel_calls_are_off(lab: Lab) -> None:
    prompt = "What is the weather in Paris and Oslo?"
    both = choice(lab, prompt, tools=[WEATHER])["message"]["tool_calls"]
    one = choice(lab, prompt, tools=[WEATHER], parallel_tool_calls=False)["message"]["tool_calls"]
    assert [json.loads(call["function"]["arguments"])["city"] for call in both] == ["Paris", "Oslo"]
    assert len({call["id"] for call in both}) == 2
    assert len(one) == 1


def test_tool_choice_none_answers_in_text(lab: Lab) -> None:
    found = choice(lab, "What is the weather in Paris?", tools=[WEATHER], tool_choice="none")
    assert found["message"]["content"]
    assert "tool_calls" not in found["message"]


def test_tool_result_is_used(lab: Lab) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
    history = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sleet, 2 degrees"},
    ]
    body = {"model": MODEL, "messages": history, "tools": [WEATHER]}
    found = lab.api.post("/chat/completions", json=body).json()["choices"][0]
    assert "sleet, 2 degrees" in found["message"]["content"]
    assert found["finish_reason"] == "stop"


def test_text_parts_count_like_a_string(lab: Lab) -> None:
    parts = [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": parts}]}
    as_parts = lab.api.post("/chat/completions", json=body).json()["usage"]["prompt_tokens"]
    assert as_parts == lab.chat("Hello there").json()["usage"]["prompt_tokens"]
