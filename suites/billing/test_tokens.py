"""What usage counts, as far as it can be told without the server's tokenizer."""

from __future__ import annotations

import pytest

from harness.judge.chat import content, finish_reasons, indices, token_count
from harness.model import NotObserved
from suites.conftest import COUNT

TEXTS = (
    "Repeat exactly: the quick brown fox jumps over the lazy dog",
    "Repeat exactly: 3.14159 and 2,718,281; a_b-c/d {x: [1, 2]}",
    "Repeat exactly: Größe naïve façade 日本語 Привет 🙂 end",
)
EACH = 6  # tokens of a choice that has far more to say
CHOICES = 3


def counts(answer):
    """prompt_tokens and completion_tokens. Raises NotObserved when they are not reported."""
    found = token_count(answer, "prompt_tokens"), token_count(answer, "completion_tokens")
    if None in found:
        raise NotObserved("the answer reports no usage")
    return found


@pytest.mark.requirement("BL-001")
@pytest.mark.cost(calls=1, prompt_tokens=20, completion_tokens=CHOICES * EACH)
def test_usage_covers_every_choice(ask):
    answer = ask.chat(COUNT, n=CHOICES, max_tokens=EACH, temperature=1)
    if answer.status != 200 or len(indices(answer)) != CHOICES:
        raise NotObserved(f"{CHOICES} choices were asked for, and the answer has {len(indices(answer))}")
    if any(reasons != ["length"] for reasons in finish_reasons(answer).values()):
        raise NotObserved("not every choice ended by its token limit")
    completion = counts(answer)[1]
    assert completion == CHOICES * EACH, f"{CHOICES} choices of {EACH} tokens each are reported as {completion} tokens"


@pytest.mark.requirement("BL-002")
@pytest.mark.cost(calls=2, prompt_tokens=40, completion_tokens=128)
def test_a_stream_counts_as_an_answer_does(ask):
    asked = {"max_tokens": 64, "temperature": 0, "seed": 7}
    whole = ask.chat(COUNT, **asked)
    stream = ask.chat(COUNT, stream=True, stream_options={"include_usage": True}, **asked)
    (prompt, completion), (streamed_prompt, streamed) = counts(whole), counts(stream)
    assert prompt == streamed_prompt, f"one prompt is {prompt} tokens in one piece, and {streamed_prompt} as a stream"
    if content(whole) != content(stream):
        raise NotObserved("the two answers differ, although temperature and seed were the same")
    assert completion == streamed, f"one text is {completion} tokens in one piece, and {streamed} as a stream"


@pytest.mark.requirement("BL-003")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.cost(calls=len(TEXTS), prompt_tokens=60 * len(TEXTS), completion_tokens=96 * len(TEXTS))
def test_completions_are_counted_by_the_tokenizer(ask, stream):
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    for text in TEXTS:
        answer = ask.chat(text, temperature=0, max_tokens=96, **options)
        said, completion = content(answer), counts(answer)[1]
        due = ask.tokenizer.count(said)
        assert completion in (due, due + 1), f"a text of {due} tokens is reported as {completion}: {said[:80]!r}"


@pytest.mark.requirement("BL-004")
@pytest.mark.cost(calls=len(TEXTS) + 1, prompt_tokens=60 * (len(TEXTS) + 1), completion_tokens=len(TEXTS) + 1)
def test_prompts_are_counted_by_the_tokenizer(ask):
    known = {text: counts(ask.chat(text, max_tokens=1))[0] - ask.tokenizer.count(text) for text in ("Hi", *TEXTS)}
    added = set(known.values())
    assert len(added) == 1, f"beside their texts prompts are counted with {sorted(added)} tokens more"
