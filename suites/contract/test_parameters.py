"""Parameters that the answer has to show: bounds, stop sequences, choices, log-probabilities, seeds."""

from __future__ import annotations

import pytest

from harness.asking.ask import Ask
from harness.judge import chat, request
from harness.wire.exchange import Exchange
from suites.reading import accepted, said


def assert_cut(answer: Exchange) -> None:
    """The text breaks off where the bound says, and the answer admits it."""
    assert "50" not in chat.content(answer), "the output goes on far beyond the 8 tokens it may have"
    reason = chat.finish_reason(answer)
    assert reason == "length", f"an answer cut by its bound has the finish_reason {reason!r}"


@pytest.mark.requirement("OC-031")
def test_max_tokens_bounds_the_output(cut, holds):
    holds(request.max_tokens_bounds_the_output, *cut)
    assert_cut(cut[0])


@pytest.mark.requirement("OC-032")
def test_max_completion_tokens_bounds_the_output(cut, holds):
    accepted(cut[1], "max_completion_tokens")
    holds(request.max_completion_tokens_bounds_the_output, *cut)
    assert_cut(cut[1])


@pytest.mark.requirement("OC-036")
def test_temperature_0_repeats_itself(twins):
    first, second = map(said, twins)
    assert first == second, "the same request at temperature 0 gave two texts"


@pytest.mark.requirement("OC-050")
def test_the_same_seed_gives_the_same_text(seeded):
    first, second = map(said, seeded)
    assert first == second, "the same request with the same seed gave two texts"


def assert_stopped(answer: Exchange, last: str) -> None:
    """The text reaches what stands right before the stop sequence, and the answer says that it was stopped."""
    assert last in said(answer), f"the output ends before {last!r}, long before the stop sequence"
    reason = chat.finish_reason(answer)
    assert reason == "stop", f"an answer ended by a stop sequence has the finish_reason {reason!r}"


@pytest.mark.requirement("OC-037")
def test_stop_as_a_string(counts, stopped_by_string, holds):
    assert_stopped(stopped_by_string, "11")
    holds(request.output_ends_before_the_stop_string, stopped_by_string)


@pytest.mark.requirement("OC-038")
def test_stop_as_an_array(counts, stopped_by_array, holds):
    assert_stopped(stopped_by_array, "8")
    holds(request.output_ends_before_any_stop, stopped_by_array)


@pytest.mark.requirement("OC-039")
def test_stop_of_several_tokens(repeats, stopped_by_phrase, holds):
    assert_stopped(stopped_by_phrase, "beta")
    holds(request.long_stop_is_honoured, stopped_by_phrase)
    assert "delta" not in said(stopped_by_phrase), "the output goes on behind the stop sequence"


@pytest.mark.requirement("OC-040")
def test_n_choices_are_returned(two_choices, holds):
    accepted(two_choices, "n of 2")
    holds(request.n_choices_are_returned, two_choices)


@pytest.mark.requirement("OC-041")
def test_logprobs_cover_the_text(logged, holds):
    answers = [accepted(answer, "a request with logprobs") for answer in logged]
    holds(request.logprobs_cover_the_text, *answers)


@pytest.mark.requirement("OC-042")
def test_alternatives_are_at_most_k(logged, holds):
    holds(request.alternatives_are_at_most_k, *logged)


@pytest.mark.requirement("OC-043")
@pytest.mark.cost(calls=1, completion_tokens=4)
def test_unknown_members_are_ignored(ask: Ask):
    answer = ask.chat(max_tokens=4, assay_unknown_member={"nested": [1, None]})
    accepted(answer, "a request with an unknown member")
