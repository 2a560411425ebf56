"""Token counts: the same for the same, more for more, and never more than bytes can hold."""

from __future__ import annotations

import pytest

from harness.judge import tokens as rules
from suites.reading import tokens


@pytest.mark.requirement("OC-140")
def test_the_same_prompt_counts_the_same(twins):
    first, second = (tokens(answer, "prompt_tokens") for answer in twins)
    assert first == second, f"the same prompt counted {first} tokens and then {second}"


@pytest.mark.requirement("OC-141")
def test_a_longer_prompt_counts_more(long_prompt, plain):
    long, short = tokens(long_prompt, "prompt_tokens"), tokens(plain, "prompt_tokens")
    assert long > short + 100, f"a prompt of 300 more words counts {long} tokens, a short one {short}"


@pytest.mark.requirement("OC-141")
def test_a_history_counts(long_history, plain):
    long, short = tokens(long_history, "prompt_tokens"), tokens(plain, "prompt_tokens")
    assert long > short + 100, f"a prompt behind a history of 300 words counts {long} tokens, without it {short}"


@pytest.mark.requirement("OC-142")
def test_completion_tokens_are_plausible(plain, counted, cut, usage_stream, holds):
    holds(rules.completion_tokens_are_plausible, plain, counted, *cut, usage_stream)


@pytest.mark.requirement("OC-142")
def test_completion_tokens_of_n_choices_are_plausible(two_choices, holds):
    holds(rules.completion_tokens_are_plausible, two_choices)


@pytest.mark.requirement("OC-143")
def test_prompt_tokens_are_plausible(plain, counted, long_prompt, usage_stream, holds):
    holds(rules.prompt_tokens_are_plausible, plain, counted, long_prompt, usage_stream)
