"""Rules about framing: each good stream passes, each way to break one is named."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge import Rule, framing, judge
from harness.wire.exchange import Exchange, Fault
from specs import load
from tests.judge.builders import asked, completion, good_chunk, good_completion, good_stream, stream

CONTRACT = load("openai-core")
RULES = [value for value in vars(framing).values() if isinstance(value, Rule)]


def said(rule: Rule, exchange: Exchange) -> list[str]:
    judged = judge(rule, [exchange], CONTRACT)
    assert judged.subjects == 1, "the exchange is no subject of the rule"
    return [finding.message for finding in judged.findings]


LONG = [good_chunk(f"{n} ") for n in range(40)]


@pytest.mark.parametrize(
    "exchange",
    [
        stream(good_stream()),
        stream([b": ping\n\n", *good_stream()]),
        stream([b"event: message\nid: 1\ndata: [DONE]\n\n"]),
        stream([b'data: {"object":"chat.completion.chunk",\r\ndata: "choices":[]}\r\n\r\n', "[DONE]"]),
        stream([*good_stream()[:2], {"error": {"message": "failed"}}]),
        stream([*good_stream()[:2], b"data: {"], fault=Fault("aborted", "closed by us")),
        stream(good_stream(), headers={"Cache-Control": "no-cache, max-age=60"}),
        stream([*LONG, "[DONE]"], at_ms=[100 + n for n in range(41)]),
        stream([good_chunk(), *[good_chunk("ha ")] * 40, "[DONE]"]),
        completion(good_completion(), request=asked(stream=False)),
    ],
)
def test_legitimate_answers_pass(exchange: Exchange) -> None:
    assert [finding for rule in RULES for finding in judge(rule, [exchange], CONTRACT).findings] == []


@pytest.mark.parametrize(
    ("rule", "exchange", "words"),
    [
        (framing.stream_is_event_stream, stream(good_stream(), headers={"Content-Type": "text/plain"}), "Content-Type"),
        (framing.events_are_json_or_done, stream(["error: failed", "[DONE]"]), "not JSON"),
        (framing.events_are_json_or_done, stream(["", "[DONE]"]), "not JSON"),
        (framing.events_are_json_or_done, stream([[], "[DONE]"]), "no object"),
        (framing.events_are_json_or_done, stream([b"note: x\n\n", "[DONE]"]), "unknown field"),
        (framing.events_are_json_or_done, stream([b"data: [DONE]"]), "ended inside an event"),
        (framing.done_is_last_and_once, stream(good_stream()[:-1]), "0 times"),
        (framing.done_is_last_and_once, stream([*good_stream(), "[DONE]"]), "2 times"),
        (framing.done_is_last_and_once, stream([*good_stream(), good_chunk("x")]), "follow"),
        (framing.done_is_last_and_once, stream([]), "0 times"),
        (framing.events_are_utf8, stream([b'data: {"x": "\xf0\x9f"}\n\n', "[DONE]"]), "not UTF-8"),
        (framing.chunks_are_sent_once, stream([c for c in LONG for _ in range(2)]), "twice"),
        (framing.chunks_are_sent_once, stream([{"error": {"message": "no"}}] * 9), "9 times"),
        (
            framing.content_arrives_over_time,
            stream([*LONG, "[DONE]"], at_ms=[2500 + n / 99 for n in range(41)]),
            "burst",
        ),
        (framing.no_stream_unless_asked, stream(good_stream(), request=asked()), "asked for none"),
        (framing.no_stream_unless_asked, completion(b"hello"), "not one JSON object"),
        (framing.stream_is_not_stored, stream(good_stream(), headers={"Content-Length": "9"}), "Content-Length"),
        (framing.stream_is_not_stored, stream(good_stream(), headers={"Cache-Control": "public"}), "caches"),
        (framing.stream_is_not_stored, stream(good_stream(), headers={"Cache-Control": "max-age=60"}), "caches"),
        (framing.stream_is_not_stored, stream([b"x"], headers={"Content-Encoding": "gzip"}), "compressed"),
    ],
)
def test_breaches_are_named(rule: Rule, exchange: Exchange, words: str) -> None:
    assert any(words in message for message in said(rule, exchange))


@pytest.mark.parametrize(
    ("rule", "exchange"),
    [
        (framing.done_is_last_and_once, stream(good_stream()[:2], fault=Fault("aborted", "closed by us"))),
        (framing.done_is_last_and_once, stream(good_stream(), status=None)),
        (framing.content_arrives_over_time, stream(good_stream())),
        (framing.content_arrives_over_time, stream([*LONG, "[DONE]"], at_ms=[10 + n / 99 for n in range(41)])),
        (framing.no_stream_unless_asked, completion(b"<html>", status=502)),
    ],
)
def test_what_is_no_subject(rule: Rule, exchange: Exchange) -> None:
    assert judge(rule, [exchange], CONTRACT).subjects == 0


@pytest.mark.parametrize(("first_ms", "gap_ms", "burst"), [(100, 0.01, True), (100, 1, False), (5, 5, False)])
def test_a_burst_is_content_that_comes_at_once_after_a_wait(first_ms: float, gap_ms: float, burst: bool) -> None:
    x = stream([*LONG, "[DONE]"], at_ms=[first_ms + gap_ms * n for n in range(41)])
    assert framing.is_measurable(x)
    assert bool(framing.burst(x)) is burst


def test_findings_are_capped() -> None:
    broken: list[Any] = ["broken"] * 1000
    assert len(said(framing.events_are_json_or_done, stream(broken))) == framing.MANY_LINES
