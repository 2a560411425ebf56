"""Probes of the stream theme."""

from __future__ import annotations

from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.conftest import COUNT

ECHO = "🙂🚀🧪🌊 你好世界 Zażółć gęślą jaźń 한국어 ∑∂ 🙂🚀"
LOGPROBS: dict[str, Any] = {"logprobs": True, "top_logprobs": 2}
INCLUDE_USAGE = {"include_usage": True}


def count_for(word: str, last: int = 20) -> str:
    """A prompt that no other call has, so that its upstream call can be found."""
    return f"Count from 1 to {last}, separated by spaces, for {word}."


def upstream_call(ask: Ask, mark: int, word: str) -> dict[str, Any]:
    """The one upstream call since the mark whose messages hold the word."""
    calls = [call for call in ask.provider.calls_since(mark) if word in str(call["body"].get("messages"))]
    assert len(calls) == 1, f"one streamed request made {len(calls)} upstream calls"
    return calls[0]


@pytest.fixture(scope="session")
def streams(counted_stream: Exchange, usage_stream: Exchange) -> tuple[Exchange, ...]:
    """Two ordinary streams, without and with usage asked for."""
    return counted_stream, usage_stream


@probe(calls=1, prompt_tokens=20, completion_tokens=320)
def long_stream(ask: Ask) -> Exchange:
    """A stream long enough to tell whether it arrives over time."""
    return ask_long_stream(ask)


def ask_long_stream(ask: Ask) -> Exchange:
    return ask.chat("Count from 1 to 150, separated by spaces.", stream=True, max_tokens=320, temperature=0)


@probe(calls=1, prompt_tokens=60, completion_tokens=128)
def echo_stream(ask: Ask) -> Exchange:
    """Text full of characters of several bytes, asked back."""
    return ask.chat(f"Repeat exactly: {ECHO}", stream=True, max_tokens=128, temperature=0)


@probe(calls=1, prompt_tokens=20, completion_tokens=48)
def choice_stream(ask: Ask) -> Exchange:
    return ask.chat(n=2, stream=True, max_tokens=24)


@probe(calls=1, prompt_tokens=20, completion_tokens=8)
def cut_stream(ask: Ask) -> Exchange:
    """A stream that max_tokens cuts."""
    return ask.chat(COUNT, stream=True, max_tokens=8, temperature=0, stream_options=INCLUDE_USAGE)


@probe(calls=1, prompt_tokens=20, completion_tokens=128)
def stop_stream(ask: Ask) -> Exchange:
    """A stream that ends at a sequence of several tokens."""
    return ask.chat(COUNT, stream=True, max_tokens=128, temperature=0, stop=["7 8"])


@probe(calls=1, prompt_tokens=20, completion_tokens=16)
def logprob_stream(ask: Ask) -> Exchange:
    return ask.chat(stream=True, **LOGPROBS)


@probe(calls=1, prompt_tokens=20, completion_tokens=4)
def unstreamed(ask: Ask) -> Exchange:
    return ask.chat(stream=False, max_tokens=4)


@probe(calls=2, prompt_tokens=20, completion_tokens=32)
def failed_streams(ask: Ask) -> tuple[Exchange, ...]:
    """Streams whose upstream fails in the middle: with an error, and by going away."""
    model = ask.chatting[-1]["id"]

    def fail(kind: str) -> Exchange:
        mark, word = ask.provider.mark(), ask.draw(6).hex()
        ask.provider.fault(kind, at=4, model=model)
        try:
            stream = ask.chat(count_for(word), model=model, stream=True, max_tokens=32, stream_options=INCLUDE_USAGE)
        finally:
            ask.provider.clear_faults()
        if (outcome := upstream_call(ask, mark, word)["outcome"]) not in {"failed", "dropped"}:
            raise NotObserved(f"the upstream call that was to fail is {outcome}: another call took the fault")
        return stream

    return fail("error_in_stream"), fail("drop_after_chunks")
