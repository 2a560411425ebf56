"""Ordinary requests, each whole and streamed."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.profile("standard")


@pytest.mark.requirement("FZ-002")
def test_ordinary_requests_are_taken(taken):
    taken("FZ-002")


@pytest.mark.requirement("FZ-003")
def test_whole_or_streamed_a_prompt_is_counted_once(taken):
    taken("FZ-003")


@pytest.mark.requirement("FZ-001")
def test_every_judge_holds_of_ordinary_answers(taken):
    taken("FZ-001")


@pytest.mark.requirement("FZ-004")
def test_a_text_in_parts_is_the_text(taken):
    taken("FZ-004")


@pytest.mark.requirement("FZ-005")
def test_letters_stay_whole(taken):
    taken("FZ-005")


@pytest.mark.requirement("FZ-006")
def test_a_seed_gives_one_text(taken):
    taken("FZ-006")


@pytest.mark.requirement("FZ-007")
def test_a_stream_arrives_as_it_is_made(taken):
    taken("FZ-007")
