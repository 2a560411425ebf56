"""Rules about chunks: each good stream passes, each way to break one is named."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge import Rule, chunks, judge
from harness.wire.exchange import Exchange
from specs import load
from tests.judge.builders import asked, good_chunk, good_stream, stream

CORE, CONFIDENTIAL = load("openai-core"), load("voltagegpu-confidential")
RULES = [value for value in vars(chunks).values() if isinstance(value, Rule)]
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
WITH_USAGE = asked(stream=True, stream_options={"include_usage": True})


def ended(usage: Any = None, **members: Any) -> list[Any]:
    """A stream with a usage chunk; members replace those of the usage chunk."""
    lines = [{**line, "usage": None} for line in good_stream()[:-1]]
    return [*lines, {**good_chunk(), "choices": [], "usage": usage or USAGE, **members}, "[DONE]"]


def logged(*entries: Any, text: str = "Hi") -> list[Any]:
    chunk = good_chunk(text)
    chunk["choices"][0]["logprobs"] = {"content": list(entries)}
    return [good_chunk("", role=True), chunk, good_chunk(finish="stop"), "[DONE]"]


def several(n: int) -> list[Any]:
    indices = range(n)
    heads = [good_chunk("", index=i, role=True) for i in indices]
    said = [good_chunk("a", index=i) for i in indices]
    return [*heads, *said, *[good_chunk(index=i, finish="stop") for i in indices], "[DONE]"]


TOKEN = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": []}
LOGPROBS, STOP, TWO = asked(stream=True, logprobs=True), asked(stream=True, stop="lo"), asked(stream=True, n=2)


@pytest.mark.parametrize(
    "exchange",
    [
        stream(good_stream()),
        stream(ended(), request=WITH_USAGE),
        stream(logged(TOKEN), request=LOGPROBS),
        stream(logged({"token": "Hi", "logprob": 0}), request=LOGPROBS),
        stream(several(2), request=TWO),
        stream(good_stream("Hel"), request=STOP),
        stream([{**line, "system_fingerprint": None, "usage": None} for line in good_stream()[:-1]] + ["[DONE]"]),
        stream([{**good_chunk(), "choices": []}, *good_stream()]),
    ],
)
def test_legitimate_streams_pass(exchange: Exchange) -> None:
    rules = [rule for rule in RULES if rule.requirement in CORE.requirements]
    assert [finding for rule in rules for finding in judge(rule, [exchange], CORE).findings] == []


def changed(at: int, **members: Any) -> list[Any]:
    lines = good_stream()
    lines[at] = {**lines[at], **members}
    return lines


def without(name: str) -> list[Any]:
    return [{k: v for k, v in line.items() if k != name} if isinstance(line, dict) else line for line in good_stream()]


ROLES = [good_chunk("a", role=True), good_chunk("b", role=True), good_chunk(finish="stop"), "[DONE]"]
LATE = [good_chunk("a", role=True), good_chunk(finish="stop"), good_chunk("b"), "[DONE]"]


@pytest.mark.parametrize(
    ("rule", "exchange", "words"),
    [
        (chunks.one_id_in_all_chunks, stream(changed(1, id="other")), "2 values"),
        (chunks.one_id_in_all_chunks, stream(changed(1, id="")), "id is wrong"),
        (chunks.one_id_in_all_chunks, stream(without("id")), "id is wrong"),
        (chunks.object_is_chunk, stream(changed(2, object="chat.completion")), "object is wrong in 1"),
        (chunks.one_created_in_all_chunks, stream(changed(1, created=1)), "2 values"),
        (chunks.one_created_in_all_chunks, stream(changed(1, created="1")), "created is wrong"),
        (chunks.one_model_in_all_chunks, stream(changed(1, model="other")), "2 values"),
        (chunks.choices_is_an_array, stream(changed(1, choices=None)), "no array"),
        (chunks.choices_is_an_array, stream([*good_stream()[:-1], {"usage": USAGE}, "[DONE]"]), "missing"),
        (chunks.role_is_first_and_once, stream(good_stream()[1:]), "has no role"),
        (chunks.role_is_first_and_once, stream(ROLES), "1 later"),
        (chunks.each_choice_finishes_once, stream([*good_stream()[:-2], "[DONE]"]), "0 finish"),
        (chunks.each_choice_finishes_once, stream([*good_stream()[:-1], good_chunk(finish="stop"), "[DONE]"]), "2 fin"),
        (chunks.each_choice_finishes_once, stream(good_stream(finish="end_turn")), "unknown"),
        (chunks.each_choice_finishes_once, stream(changed(3, choices=[{"finish_reason": ["stop"]}])), "unknown"),
        (chunks.each_choice_finishes_once, stream(LATE), "goes on"),
        (chunks.each_choice_finishes_once, stream(["[DONE]"]), "no choice"),
        (chunks.each_of_n_choices_streams, stream(good_stream(), request=TWO), "n is 2"),
        (chunks.each_of_n_choices_streams, stream([*several(2)[:-2], "[DONE]"], request=TWO), "no finish_reason"),
        (chunks.each_of_n_choices_streams, stream([*several(2)[:3], "[DONE]"], request=TWO), "delivered nothing"),
        (chunks.stop_is_never_delivered, stream(good_stream("Hel", "l", "o."), request=STOP), "delivered"),
        (chunks.deltas_carry_logprobs, stream(good_stream(), request=LOGPROBS), "2 of 2"),
        (chunks.deltas_carry_logprobs, stream(logged({"token": "Hi", "logprob": 0.5}), request=LOGPROBS), "lacks"),
        (chunks.deltas_carry_logprobs, stream(logged({"logprob": -1}), request=LOGPROBS), "lacks"),
        (chunks.one_usage_chunk_at_the_end, stream(good_stream(), request=WITH_USAGE), "0 chunks"),
        (chunks.one_usage_chunk_at_the_end, stream(ended(choices=[{}]), request=WITH_USAGE), "has choices"),
        (chunks.one_usage_chunk_at_the_end, stream(ended()[::-1], request=WITH_USAGE), "not the last"),
        (chunks.other_chunks_carry_null_usage, stream(good_stream(), request=WITH_USAGE), "4 of 4"),
        (chunks.no_usage_unless_asked, stream(ended()), "not asked for"),
        (chunks.stream_usage_adds_up, stream(ended({**USAGE, "total_tokens": 12})), "not the sum"),
        (chunks.stream_usage_adds_up, stream(ended({**USAGE, "prompt_tokens": True})), "lacks"),
        (chunks.stream_usage_adds_up, stream(ended({**USAGE, "prompt_tokens": -9})), "negative"),
        (chunks.stream_keeps_its_bound, stream(ended(), request=asked(stream=True, max_tokens=1)), "more tokens"),
        (chunks.usage_comes_before_done, stream(good_stream()), "0 chunks"),
        (chunks.usage_comes_before_done, stream(ended()[::-1]), "not the last"),
        (chunks.usage_comes_before_done, stream(ended({"prompt_tokens": 1})), "lacks a count"),
        (chunks.content_chunks_have_id_and_delta, stream([good_chunk("a", id=None), "[DONE]"]), "no id"),
    ],
)
def test_breaches_are_named(rule: Rule, exchange: Exchange, words: str) -> None:
    judged = judge(rule, [exchange], CONFIDENTIAL)
    assert judged.subjects == 1, "the exchange is no subject of the rule"
    assert any(words in finding.message for finding in judged.findings), judged.findings


def test_the_sample_of_the_page_is_a_usage_chunk() -> None:
    sample = {"id": "chatcmpl-1", "usage": {"prompt_tokens": 8, "completion_tokens": 42}}
    judged = judge(chunks.usage_comes_before_done, [stream([*good_stream()[:-1], sample, "[DONE]"])], CONFIDENTIAL)
    assert (judged.subjects, judged.findings) == (1, ())
