"""HTTP as clients speak it: charsets, the headers of SDKs, header names in any case, one connection for many calls."""

from __future__ import annotations

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.judge import completion, framing
from harness.model import NotObserved
from suites.reading import accepted, said

SDK = {
    "User-Agent": "OpenAI/Python 2.8.1",
    "Accept": "application/json",
    "X-Stainless-Lang": "python",
    "X-Stainless-Package-Version": "2.8.1",
    "X-Stainless-OS": "Linux",
    "X-Stainless-Arch": "x64",
    "X-Stainless-Runtime": "CPython",
    "X-Stainless-Runtime-Version": "3.12.3",
    "X-Stainless-Async": "false",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Read-Timeout": "600",
}
TURNS = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Hello, how are you?"},
]


@probe(calls=1, prompt_tokens=40, completion_tokens=16)
def sdk(ask: Ask):
    """The request of the document's own sample, as the OpenAI SDK sends it."""
    return ask.chat(messages=TURNS, max_tokens=16, temperature=0.7, headers=SDK)


@pytest.mark.requirement("OC-150")
@pytest.mark.cost(calls=1, completion_tokens=4)
def test_a_charset_is_accepted(ask: Ask):
    answer = ask.chat(max_tokens=4, headers={"Content-Type": "application/json; charset=utf-8"})
    accepted(answer, "a request with a charset")


@pytest.mark.requirement("OC-151", "VT-043")
def test_sdk_headers_change_nothing(sdk, holds):
    accepted(sdk, "a request with the headers of the OpenAI SDK")
    holds(completion.answer_is_one_json_object, sdk)
    holds(completion.choices_are_filled_and_indexed, sdk)


@pytest.mark.requirement("VT-043")
@pytest.mark.parametrize(
    "rule",
    [
        completion.id_is_a_filled_string,
        completion.object_is_chat_completion,
        completion.message_is_the_assistants,
        completion.content_is_text,
        completion.finish_reason_is_known,
        completion.usage_holds_three_counts,
    ],
    ids=lambda rule: rule.name,
)
def test_an_sdk_can_read_the_answer(sdk, rule, holds):
    holds(rule, sdk)


@pytest.mark.requirement("VT-043")
@pytest.mark.cost(calls=1, prompt_tokens=40, completion_tokens=16)
def test_an_sdk_can_read_the_stream(ask: Ask, holds):
    answer = ask.chat(messages=TURNS, max_tokens=16, stream=True, headers=SDK)
    accepted(answer, "a streamed request with the headers of the OpenAI SDK")
    holds(framing.stream_is_event_stream, answer)
    holds(framing.events_are_json_or_done, answer)
    holds(framing.done_is_last_and_once, answer)


@pytest.mark.requirement("OC-152")
@pytest.mark.cost(calls=3, completion_tokens=3)
@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "aUTHoriZATION"])
def test_header_names_are_case_insensitive(plain, ask: Ask, name: str):
    answer = ask.chat(max_tokens=1, headers={name: f"Bearer {ask.target.keys['main'].reveal()}"})
    accepted(answer, f"the key in the header {name}")


@pytest.mark.requirement("OC-153")
@pytest.mark.cost(calls=3, prompt_tokens=60, completion_tokens=600)
def test_a_connection_serves_several_requests(ask: Ask):
    words = ("heliotrope", "quicksilver", "marzipan")
    answers = [said(ask.chat(f"Repeat exactly: {word}", max_tokens=200, temperature=0)) for word in words]
    if not any(word in answer.lower() for word in words for answer in answers):
        raise NotObserved("the model does not repeat a word that it is asked to repeat")
    wrong = [word for word, answer in zip(words, answers, strict=True) if word not in answer.lower()]
    assert not wrong, f"requests on one connection were not answered with their own text: {', '.join(wrong)}"
