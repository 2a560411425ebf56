"""Usage in streams: when it comes, where it comes, and whether it is right."""

from __future__ import annotations

from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.judge import chunks
from harness.judge.chat import stream_errors, token_count, usage
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.stream.conftest import count_for, upstream_call


@pytest.mark.requirement("OC-092")
def test_one_usage_chunk_at_the_end(usage_stream, cut_stream, holds):
    holds(chunks.one_usage_chunk_at_the_end, usage_stream, cut_stream)


@pytest.mark.requirement("OC-092")
def test_no_usage_after_an_error(failed_streams):
    told = [usage(stream) for stream in failed_streams if stream_errors(stream)]
    if not told:
        raise NotObserved("no stream reported an error")
    assert not any(told), f"a stream that failed ends with usage as though it were complete: {told}"


@pytest.mark.requirement("OC-093")
def test_other_chunks_carry_null_usage(usage_stream, cut_stream, holds):
    holds(chunks.other_chunks_carry_null_usage, usage_stream, cut_stream)


@pytest.mark.requirement("OC-094")
def test_no_usage_unless_asked(counted_stream, tool_stream, holds):
    holds(chunks.no_usage_unless_asked, counted_stream, tool_stream)


@pytest.mark.requirement("OC-095")
def test_stream_usage_adds_up(counted, usage_stream, holds):
    holds(chunks.stream_usage_adds_up, usage_stream)
    whole, streamed = (token_count(answer, "prompt_tokens") for answer in (counted, usage_stream))
    assert streamed == whole, f"the same prompt counts {streamed} tokens streamed and {whole} whole"


@pytest.mark.requirement("VT-055", "VT-065")
def test_usage_comes_before_done(streams, tool_stream, holds):
    holds(chunks.usage_comes_before_done, *streams, tool_stream)


@pytest.mark.requirement("VT-061")
@pytest.mark.cost(calls=2, completion_tokens=4)
@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}], ids=["not asked", "declined"])
def test_include_usage_is_injected_upstream(ask: Ask, options: dict[str, Any]):
    _, call = _with_upstream_call(ask, **options)
    sent = call["body"].get("stream_options")
    assert isinstance(sent, dict), f"the upstream was sent stream_options {sent!r}"
    assert sent.get("include_usage") is True, f"the upstream was sent stream_options {sent!r}"


@pytest.mark.requirement("VT-062")
@pytest.mark.cost(calls=1, completion_tokens=4)
def test_upstream_usage_is_the_one_reported(ask: Ask):
    stream, call = _with_upstream_call(ask)
    names = ("prompt_tokens", "completion_tokens")
    told, reported = [token_count(stream, name) for name in names], [call["usage"][name] for name in names]
    assert told == reported, f"the stream reports {told} tokens, the upstream reported {reported}"


def _with_upstream_call(ask: Ask, **members: Any) -> tuple[Exchange, dict[str, Any]]:
    """A stream, and the call it made upstream."""
    mark, word = ask.provider.mark(), ask.draw(6).hex()
    stream = ask.chat(count_for(word), stream=True, max_tokens=4, **members)
    assert stream.status == 200, f"the stream was answered {stream.status}"
    return stream, upstream_call(ask, mark, word)
