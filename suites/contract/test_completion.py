"""The completion object, member by member."""

from __future__ import annotations

import pytest

from harness.judge import completion
from suites.reading import accepted


@pytest.mark.requirement("OC-001")
def test_answer_is_one_json_object(plain, counted, holds):
    holds(completion.answer_is_one_json_object, plain, counted)


@pytest.mark.requirement("OC-002")
def test_id_is_a_filled_string(plain, counted, holds):
    holds(completion.id_is_a_filled_string, plain, counted)


@pytest.mark.requirement("OC-003")
def test_two_answers_have_two_ids(twins):
    first, second = (accepted(answer).json["id"] for answer in twins)
    assert first != second, f"both answers have the id {first!r}"


@pytest.mark.requirement("OC-004")
def test_object_is_chat_completion(plain, holds):
    holds(completion.object_is_chat_completion, plain)


@pytest.mark.requirement("OC-005")
def test_created_is_the_time_of_the_call(plain, holds):
    holds(completion.created_is_the_time_of_the_call, plain)


@pytest.mark.requirement("OC-006")
def test_model_is_the_one_asked_for(plain, counted, holds):
    holds(completion.model_is_the_one_asked_for, plain, counted)


@pytest.mark.requirement("OC-007")
def test_choices_are_filled_and_indexed(plain, two_choices, holds):
    holds(completion.choices_are_filled_and_indexed, plain, two_choices)


@pytest.mark.requirement("OC-008")
def test_message_is_the_assistants(plain, two_choices, holds):
    holds(completion.message_is_the_assistants, plain, two_choices)


@pytest.mark.requirement("OC-009")
def test_content_is_text(plain, counted, holds):
    holds(completion.content_is_text, plain, counted)


@pytest.mark.requirement("OC-010")
def test_finish_reason_is_known(plain, counted, cut, holds):
    holds(completion.finish_reason_is_known, plain, counted, *cut)


@pytest.mark.requirement("OC-011")
def test_usage_holds_three_counts(plain, counted, holds):
    holds(completion.usage_holds_three_counts, plain, counted)


@pytest.mark.requirement("OC-012")
def test_total_is_the_sum(plain, counted, two_choices, holds):
    holds(completion.total_is_the_sum, plain, counted, two_choices)


@pytest.mark.requirement("OC-013")
def test_content_holds_no_think_markup(reasoned, counted, counted_stream, holds):
    holds(completion.content_holds_no_think_markup, reasoned, counted, counted_stream)


@pytest.mark.requirement("OC-053")
def test_logprobs_only_when_asked(plain, counted, holds):
    holds(completion.logprobs_only_when_asked, plain, counted)
