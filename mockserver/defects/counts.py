"""Defects of counting: choices, prompts, streams, words for tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockserver.behaviours import completion
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.endings import Usage, summed
from mockserver.gateway import Gateway


@defect(breaks="BL-001", also=("VT-091",))
def reports_one_choice_of_several(gateway: Gateway) -> Gateway:
    """Reports, and charges, the tokens of one choice of several."""

    def usage(job: Any, prompt: int, tokens: int) -> Usage:
        return summed(prompt, tokens // gateway.choices_of(job.body))

    return replace(gateway, engine_usage=usage)


@defect(breaks="BL-001", seen=("B16",))
def counts_the_prompt_into_every_choice(gateway: Gateway) -> Gateway:
    """Adds the prompt to the completion of every further choice."""

    def usage(job: Any, prompt: int, tokens: int) -> Usage:
        return summed(prompt, tokens + prompt * (gateway.choices_of(job.body) - 1))

    return replace(gateway, engine_usage=usage)


@defect(breaks="BL-002", seen=("B16", "B17"))
def counts_the_end_of_a_stream_as_a_token(gateway: Gateway) -> Gateway:
    """Counts one token more for a stream than for the same answer in one piece."""

    def usage_of(call: Call, upstream: Usage | None) -> Usage:
        usage = completion.usage_of(call, upstream)
        return summed(usage["prompt_tokens"], usage["completion_tokens"] + call.streams)

    return replace(gateway, usage_of=usage_of)


@defect(breaks="BL-002")
def counts_the_request_of_a_stream_into_its_prompt(gateway: Gateway) -> Gateway:
    """Counts the options of a stream as if they were part of the prompt."""

    def count(body: dict[str, Any]) -> int:
        return gateway.count_prompt(body) + 3 * bool(body.get("stream"))

    return replace(gateway, count_prompt=count)


@defect(breaks="BL-003", also=("BL-001", "OC-142", "BL-002"))
def counts_words_for_tokens(gateway: Gateway) -> Gateway:
    """Counts the words of an answer, which are fewer than its tokens."""

    def usage(job: Any, prompt: int, tokens: int) -> Usage:
        return summed(prompt, -(-tokens * 3 // 4))

    return replace(gateway, engine_usage=usage)


@defect(breaks="BL-003", also=("BL-001",))
def counts_completions_with_a_tenth_more(gateway: Gateway) -> Gateway:
    """Counts a tenth more tokens than an answer has, which no plausibility shows."""

    def usage(job: Any, prompt: int, tokens: int) -> Usage:
        return summed(prompt, tokens + tokens // 8)

    return replace(gateway, engine_usage=usage)


@defect(breaks="BL-004")
def counts_a_prompt_by_its_characters(gateway: Gateway) -> Gateway:
    """Takes a token for every four characters of the prompt."""

    def count(body: dict[str, Any]) -> int:
        return 4 + sum(len(str(message.get("content"))) for message in body["messages"]) // 4

    return replace(gateway, count_prompt=count)
