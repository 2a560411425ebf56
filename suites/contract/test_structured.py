"""Structured output: JSON where JSON was asked for, by the schema where one was sent."""

from __future__ import annotations

from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.judge import structured
from harness.model import NotObserved, Tolerated
from specs import Contract
from suites.contract.conftest import CITY
from suites.reading import accepted

JSON_OBJECT = {"type": "json_object"}
TAGS = {"json-mode", "structured"}


@pytest.mark.requirement("OC-045", "VT-058")
def test_json_object_gives_a_json_object(json_object, holds):
    accepted(json_object, "json_object")
    holds(structured.content_is_a_json_object, json_object)


@pytest.mark.requirement("OC-046", "VT-058")
def test_json_schema_output_validates(json_schema, holds):
    accepted(json_schema, "json_schema")
    holds(structured.content_validates, json_schema)


@pytest.mark.requirement("VT-058")
@pytest.mark.cost(calls=3, prompt_tokens=120, completion_tokens=3 * 512)
def test_json_works_with_each_tag(ask: Ask, contract: Contract, holds):
    member = contract.trait("catalogue.tags")
    tagged = {frozenset(TAGS & set(row.get(member) or ())): row["id"] for row in reversed(ask.chatting)}
    models = [model for tags, model in tagged.items() if tags]
    wanted: dict[str, Any] = {"response_format": JSON_OBJECT, "max_tokens": 512, "temperature": 0}
    answers = [accepted(ask.chat(CITY, model=model, **wanted), f"json_object on {model}") for model in models]
    holds(structured.content_is_a_json_object, *answers)


@pytest.mark.requirement("VT-058")
@pytest.mark.cost(calls=1, prompt_tokens=40, completion_tokens=4)
def test_response_format_is_refused_without_a_tag(ask: Ask, contract: Contract):
    member = contract.trait("catalogue.tags")
    plain_models = [row["id"] for row in ask.chatting if not TAGS & set(row.get(member) or ())]
    if not plain_models:
        raise NotObserved("every model of the catalogue is tagged json-mode or structured")
    refusal = ask.chat(CITY, model=plain_models[0], response_format=JSON_OBJECT, max_tokens=4)
    if refusal.status == 200:
        raise Tolerated("a model without the tag json-mode or structured accepts response_format")
    assert refusal.status == 400, f"response_format on a model without the tag was answered with {refusal.status}"
