"""Structured output through the SDK's parser, which validates what comes back."""

from __future__ import annotations

import json
from enum import Enum

from openai import OpenAI
from pydantic import BaseModel, Field

from tests.sdk.conftest import asks


class Mood(Enum):
    calm = "calm"
    stormy = "stormy"


class Person(BaseModel):
    name: str
    age: int | None


class Meeting(BaseModel):
    title: str
    people: list[Person]
    mood: Mood
    confirmed: bool
    minutes: int = Field(description="How long it takes")


PROMPT = "Describe a meeting of Ada and Grace as JSON."


def test_the_parser_returns_an_instance(client: OpenAI) -> None:
    answer = client.chat.completions.parse(**asks(PROMPT, response_format=Meeting))
    assert isinstance(answer.choices[0].message.parsed, Meeting)
    assert answer.choices[0].message.refusal is None


def test_a_parsed_stream_returns_an_instance(client: OpenAI) -> None:
    with client.chat.completions.stream(**asks(PROMPT, response_format=Meeting)) as stream:
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Meeting)


def test_json_mode_gives_an_object(client: OpenAI) -> None:
    answer = client.chat.completions.create(**asks(PROMPT, response_format={"type": "json_object"}))
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)
