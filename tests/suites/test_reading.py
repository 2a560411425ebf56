"""What an answer said, and when it is nobody's fault that it said nothing."""

from __future__ import annotations

import pytest

from harness.model import NotObserved
from harness.wire.exchange import TargetFault
from suites.reading import accepted, said, tokens
from tests.judge.builders import completion, good_choice, good_completion


def test_an_answer_says_its_content_and_its_counts() -> None:
    x = completion(good_completion())
    assert (said(x), tokens(x), tokens(x, "prompt_tokens")) == ("Hello.", 2, 9)


@pytest.mark.parametrize(("status", "headers"), [(429, {}), (503, {"Retry-After": "1"})])
def test_a_busy_target_is_no_breach(status: int, headers: dict[str, str]) -> None:
    with pytest.raises(TargetFault, match="busy"):
        accepted(completion({}, status=status, headers=headers))


@pytest.mark.parametrize("status", [400, 401, 500, 503])
def test_another_refusal_is_one(status: int) -> None:
    with pytest.raises(AssertionError, match=f"a question was answered with {status}"):
        accepted(completion({}, status=status), "a question")


def test_an_answer_without_usage_has_no_counts() -> None:
    with pytest.raises(AssertionError, match="no integer prompt_tokens"):
        tokens(completion(good_completion(usage=None)), "prompt_tokens")


def test_an_answer_spent_on_thinking_is_not_observed_and_an_empty_one_is_empty() -> None:
    thought = {"role": "assistant", "content": None, "reasoning_content": "Hm"}
    with pytest.raises(NotObserved):
        said(completion(good_completion(choices=[good_choice(message=thought, finish_reason="length")])))
    assert said(completion(good_completion(choices=[good_choice("")]))) == ""
