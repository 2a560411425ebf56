"""Generated requests: what is asked goes where the target is, and what was not answered decides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.ask import Ask
from harness.fuzz.cases import BYTES_PER_TOKEN, EFFORTS, batches, tamed
from harness.fuzz.explorer import Explorer
from harness.fuzz.judging import told
from tests.harness import hostile
from tests.harness.hostile import serving

EFFORT = EFFORTS["quick"]


@pytest.mark.parametrize("profile", ["quick", "standard"])  # generating for the full one takes 15 s
def test_the_valid_requests_cost_no_more_than_the_plan_says(profile: str) -> None:
    effort = EFFORTS[profile]
    for batch in batches("openai-core", effort, 1):
        if not batch.pays:
            continue
        bodies = [
            json.dumps(tamed(case.body, batch.kind, "maker/a-model-of-some-name", stream=True)) for case in batch.cases
        ]
        assert sum(map(len, bodies)) // BYTES_PER_TOKEN <= effort.cost.prompt_tokens
        assert len(bodies) >= effort.paid  # the systematic ones are short, and none is left out


def test_a_case_without_a_whole_answer_is_no_case(connect: Callable[..., Ask]) -> None:
    batch = batches("openai-core", EFFORT, 1)[0]
    with serving(hostile.half_closed) as server:
        explorer = Explorer(connect(server.url, default_model="m"), EFFORT, 1)
        explorer._round([replace(batch, cases=batch.cases[:1])], {})
    assert not explorer.found.cases
    assert len(explorer.found.broken) == 1


def test_the_path_is_below_the_base_url_however_its_host_is_spelled(connect: Callable[..., Ask]) -> None:
    batch = next(found for found in batches("openai-core", EFFORT, 1) if found.operation == "listModels")
    with serving(hostile.answer(b"{}", hostile.JSON, b"Connection: close")) as server:
        explorer = Explorer(connect(server.url.replace("127.0.0.1", "LOCALHOST"), default_model="m"), EFFORT, 1)
        explorer._round([replace(batch, cases=batch.cases[:1])], {})
    assert server.heads[0].split(b" ")[1] == b"/v1/models"


VIOLATION = """0 is less than the minimum of 1

Validated against the response schema for status code 200.

Schema at /components/schemas/Chat/properties/created:

    {
        "minimum": 1,
        "type": "integer"
    }

Value:

    0"""


def test_a_violation_is_told_in_parts() -> None:
    message, expected, observed = told(VIOLATION)
    assert message == "0 is less than the minimum of 1 at /components/schemas/Chat/properties/created"
    assert (expected, observed) == ('{ "minimum": 1, "type": "integer" }', "0")


def test_other_words_stay() -> None:
    assert told("Received: 418\n\nDocumented: 200, 400") == ("Received: 418 Documented: 200, 400", None, None)
    assert len(told("x" * 1000)[0]) == 300
