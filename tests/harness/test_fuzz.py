"""Generated requests: what is asked goes where the target is, and what was not answered decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.ask import Ask
from harness.cases import EFFORTS, batches
from harness.fuzz import Explorer
from tests.harness import hostile
from tests.harness.hostile import serving

EFFORT = EFFORTS["quick"]


def test_a_case_without_a_whole_answer_is_no_case(connect: Callable[..., Ask]) -> None:
    batch = batches("openai-core", EFFORT, 1)[0]
    with serving(hostile.half_closed) as server:
        explorer = Explorer(connect(server.url, default_model="m"), EFFORT, 1)
        explorer._explore(replace(batch, cases=batch.cases[:1]))
    assert not explorer.found.cases
    assert len(explorer.found.broken) == 1


def test_the_path_is_below_the_base_url_however_its_host_is_spelled(connect: Callable[..., Ask]) -> None:
    batch = next(found for found in batches("openai-core", EFFORT, 1) if found.operation == "listModels")
    with serving(hostile.answer(b"{}", hostile.JSON, b"Connection: close")) as server:
        explorer = Explorer(connect(server.url.replace("127.0.0.1", "LOCALHOST"), default_model="m"), EFFORT, 1)
        explorer._explore(replace(batch, cases=batch.cases[:1]))
    assert server.heads[0].split(b" ")[1] == b"/v1/models"
