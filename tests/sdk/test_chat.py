"""Text, whole and streamed, as an SDK user sees it."""

from __future__ import annotations

import asyncio
from typing import Any

from openai import AsyncOpenAI, OpenAI

from mockserver.serve import Server
from tests.sdk.conftest import MODEL, asks

COUNT = "Count from 1 to 12, separated by spaces."
COUNTED = " ".join(map(str, range(1, 13)))


def test_an_answer_is_text_with_a_reason_and_a_bill(client: OpenAI) -> None:
    answer = client.chat.completions.create(**asks(COUNT))
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (COUNTED, "stop")
    assert (answer.object, answer.model) == ("chat.completion", MODEL)
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_system_and_developer_turns_are_understood(client: OpenAI) -> None:
    for role in ("system", "developer"):
        turns: list[Any] = [{"role": role, "content": "Be brief."}, {"role": "user", "content": COUNT}]
        answer = client.chat.completions.create(model=MODEL, messages=turns)
        assert answer.choices[0].message.content == COUNTED


def test_a_stream_joins_to_the_whole_answer(client: OpenAI) -> None:
    with client.chat.completions.create(**asks(COUNT, stream=True)) as stream:
        choices = [chunk.choices[0] for chunk in stream if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == COUNTED
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]


def test_a_stream_with_usage_ends_with_the_bill_of_the_whole_answer(client: OpenAI) -> None:
    whole = client.chat.completions.create(**asks(COUNT))
    with client.chat.completions.create(**asks(COUNT, stream=True, stream_options={"include_usage": True})) as stream:
        chunks = list(stream)
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_accumulating_stream_helper_rebuilds_the_answer(client: OpenAI) -> None:
    with client.chat.completions.stream(**asks(COUNT)) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(deltas) == final.choices[0].message.content == COUNTED


def test_several_choices_and_a_token_limit(client: OpenAI) -> None:
    answer = client.chat.completions.create(**asks("Tell me a story.", n=2, max_completion_tokens=3))
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert {choice.finish_reason for choice in answer.choices} == {"length"}
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 6


def test_stop_ends_the_text_before_the_sequence(client: OpenAI) -> None:
    answer = client.chat.completions.create(**asks(COUNT, stop=[" 5", " 9"]))
    assert answer.choices[0].message.content == "1 2 3 4"


def test_logprobs_have_the_types_of_the_sdk(client: OpenAI) -> None:
    answer = client.chat.completions.create(**asks(COUNT, logprobs=True, top_logprobs=2))
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(token.token for token in logprobs.content) == COUNTED
    assert all(len(token.top_logprobs) <= 2 and token.logprob <= 0 for token in logprobs.content)


def test_the_raw_answer_carries_headers(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(**asks(COUNT))
    assert raw.headers["content-type"].startswith("application/json")
    assert raw.parse().choices[0].message.content == COUNTED


def test_the_asynchronous_client_streams_and_answers_side_by_side(server: Server) -> None:
    async def both() -> tuple[str | None, str]:
        async with AsyncOpenAI(base_url=server.base_url, api_key=server.main_key, max_retries=0) as client:
            whole, streamed = await asyncio.gather(client.chat.completions.create(**asks(COUNT)), _streamed(client))
            return whole.choices[0].message.content, streamed

    assert asyncio.run(both()) == (COUNTED, COUNTED)


async def _streamed(client: AsyncOpenAI) -> str:
    stream = await client.chat.completions.create(**asks(COUNT, stream=True))
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
