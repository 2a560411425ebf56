"""The OpenAI client against Spark: what Volt adds is there, and disturbs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import PermissionDeniedError

from mockserver.serve import Options, Server
from tests.sdk.conftest import client_of

MODEL = "llama-3.3-70b-instruct"
SOVEREIGN = {"volt_tier": "sovereign", "volt_metro": "fra"}


@pytest.fixture(scope="module")
def volt() -> Iterator[Any]:
    with Server("volt-control-plane", options=Options(itl=0.0002)) as server, client_of(server) as client:
        yield client  # as Any: what Volt adds is in none of its types


def test_a_whole_answer_says_where_it_was_served(volt: Any) -> None:
    messages = [{"role": "user", "content": "Hello"}]
    answer = volt.chat.completions.create(model=MODEL, messages=messages, max_tokens=8, extra_body=SOVEREIGN)
    assert (answer.volt["metro"], answer.volt["tier"]) == ("fra", "sovereign")
    assert answer.choices[0].message.content


def test_every_chunk_says_where_it_was_served(volt: Any) -> None:
    messages = [{"role": "user", "content": "Hello"}]
    chunks = list(
        volt.chat.completions.create(model=MODEL, messages=messages, max_tokens=8, stream=True, extra_body=SOVEREIGN)
    )
    assert {(chunk.volt["metro"], chunk.volt["tier"]) for chunk in chunks} == {("fra", "sovereign")}
    assert len({chunk.volt["pod_id"] for chunk in chunks}) == 1


def test_a_pin_that_cannot_be_honoured_is_an_error_of_the_client(volt: Any) -> None:
    with pytest.raises(PermissionDeniedError) as refused:
        volt.completions.create(model=MODEL, prompt="Hello", extra_body={"volt_metro": "nowhere"})
    assert refused.value.code == "sovereignty_violation"
