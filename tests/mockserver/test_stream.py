"""Streams: framing, roles, finish, usage, and what happens when one side leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from mockserver.behaviours.stream import text_delta
from mockserver.gateway import Gateway
from tests.mockserver.conftest import COUNTING, MODEL, WEATHER, Lab


def text_of(chunks: list[Any], choice: int = 0) -> str:
    deltas = [c for chunk in chunks if chunk != "[DONE]" for c in chunk["choices"] if c["index"] == choice]
    return "".join(delta["delta"].get("content") or "" for delta in deltas)


def test_order_of_chunks(lab: Lab) -> None:
    *chunks, usage, done = lab.chunks("Count from 1 to 9")
    assert done == "[DONE]"
    assert usage["choices"] == []
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"][0]["finish_reason"]] == ["stop"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert len({(c["id"], c["created"], c["model"]) for c in [*chunks, usage]}) == 1


def test_stream_and_answer_agree_at_temperature_zero(lab: Lab) -> None:
    chunks = lab.chunks("Tell me something", temperature=0)
    answer = lab.chat("Tell me something", temperature=0).json()
    assert text_of(chunks) == answer["choices"][0]["message"]["content"]
    assert chunks[-2]["usage"] == answer["usage"]


@pytest.mark.parametrize("body", [{}, {"n": 2}, {"stop": ["wait"]}, {"stream_options": {"include_usage": True}}])
def test_the_template_says_what_the_chunks_would(start: Callable[..., Lab], body: dict[str, Any]) -> None:
    """Text goes out between two constants where nobody has a word about it; any override takes the long way."""
    said = 'Repeat exactly: "plain"\\ \t text, then 漢字 🎉 é, then plain text; wait'
    overridden = Gateway(text_delta=lambda call, text: text_delta(call, text))
    short, long = (start("openai-core", gateway) for gateway in (Gateway(), overridden))
    chunks = [[_timeless(each) for each in lab.chunks(said, temperature=0, **body)] for lab in (short, long)]
    assert chunks[0] == chunks[1]


def _timeless(chunk: Any) -> Any:
    return chunk if chunk == "[DONE]" else {**chunk, "id": "", "created": 0}


def test_characters_split_across_tokens_arrive_whole(lab: Lab) -> None:
    assert text_of(lab.chunks("Repeat exactly: 漢字 🎉 é")) == "漢字 🎉 é"


@pytest.mark.parametrize("stop", ["12 13", ["99 9", "12 1"]])
def test_stop_is_never_delivered_in_part(lab: Lab, stop: Any) -> None:
    assert text_of(lab.chunks("Count from 1 to 40", stop=stop)).endswith("10 11 ")


def test_choices_are_streamed_side_by_side(lab: Lab) -> None:
    chunks = lab.chunks("Count from 1 to 3", n=2)
    assert [text_of(chunks, index) for index in (0, 1)] == ["1 2 3", "1 2 3"]


def test_tool_call_in_pieces(lab: Lab) -> None:
    chunks = lab.chunks("What is the weather in Oslo?", tools=[WEATHER], tool_choice="required")
    calls = [t for c in chunks[:-2] for t in c["choices"][0]["delta"].get("tool_calls", ())]
    assert (calls[0]["index"], calls[0]["type"], calls[0]["function"]["name"]) == (0, "function", "get_weather")
    assert all("name" not in call["function"] and "id" not in call for call in calls[1:])
    assert json.loads("".join(call["function"]["arguments"] for call in calls))["city"] == "Oslo"


def test_logprobs_spell_the_streamed_text(lab: Lab) -> None:
    chunks = lab.chunks("Repeat exactly: 🎉 yes", logprobs=True)
    entries = [e for c in chunks[:-2] for e in (c["choices"][0]["logprobs"] or {"content": []})["content"]]
    assert b"".join(bytes(entry["bytes"]) for entry in entries).decode() == "🎉 yes"


def test_core_sends_usage_only_when_asked(core: Lab) -> None:
    silent = core.chunks("Count from 1 to 3")
    asked = core.chunks("Count from 1 to 3", stream_options={"include_usage": True})
    assert all("usage" not in chunk for chunk in silent[:-1])
    assert [chunk["usage"] for chunk in asked[:-2]] == [None] * (len(asked) - 2)
    assert asked[-2]["usage"]["total_tokens"] > 0


def test_provider_that_drops_ends_the_stream_without_done(lab: Lab) -> None:
    lab.control.post("/upstream/faults", json={"fault": "drop_after_chunks", "at": 3})
    chunks = lab.chunks("Count from 1 to 90")
    assert chunks[-1]["error"]["code"] == "upstream_error"
    assert "[DONE]" not in chunks


def test_client_that_leaves_stops_the_provider(lab: Lab) -> None:
    mark = lab.mark
    body = {"model": MODEL, "messages": COUNTING, "max_tokens": 900, "stream": True}
    with lab.api.stream("POST", "/chat/completions", json=body) as response:
        next(response.iter_lines())
    assert ended(lab, mark)["outcome"] == "aborted"
    assert lab.account()["reserved_usd"] == "0.000000000"


def ended(lab: Lab, mark: int) -> dict[str, Any]:
    """The first call after the mark, once it is no longer running."""
    deadline = time.monotonic() + 3
    while (call := lab.calls(mark)[0])["outcome"] == "running" and time.monotonic() < deadline:
        time.sleep(0.005)
    return call
