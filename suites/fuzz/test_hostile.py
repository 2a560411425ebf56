"""Requests that are meant badly: refused, and nothing else comes of them."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.profile("standard")


@pytest.mark.requirement("FZ-040")
def test_deep_and_wide_json_does_no_harm(withstood):
    withstood("FZ-040")


@pytest.mark.requirement("FZ-041")
def test_numbers_beyond_all_bounds_are_refused(withstood):
    withstood("FZ-041")


@pytest.mark.requirement("FZ-042")
def test_what_is_no_json_is_refused(withstood):
    withstood("FZ-042")


@pytest.mark.requirement("FZ-043")
def test_no_text_brings_a_server_error(withstood):
    withstood("FZ-043")


@pytest.mark.requirement("FZ-044")
def test_bytes_that_are_no_utf8_are_refused(withstood):
    withstood("FZ-044")


@pytest.mark.requirement("FZ-045")
def test_the_last_of_two_members_counts(withstood):
    withstood("FZ-045")


@pytest.mark.requirement("FZ-046")
def test_no_request_hides_in_another(withstood):
    withstood("FZ-046")


@pytest.mark.requirement("FZ-047")
def test_broken_chunks_are_refused(withstood):
    withstood("FZ-047")


@pytest.mark.requirement("FZ-048")
def test_broken_headers_are_refused(withstood):
    withstood("FZ-048")


@pytest.mark.requirement("FZ-049")
def test_who_is_slow_holds_up_nobody_else(withstood):
    withstood("FZ-049")


@pytest.mark.requirement("FZ-050")
def test_half_a_request_is_none(withstood):
    withstood("FZ-050")


@pytest.mark.requirement("FZ-051")
def test_connections_that_are_left_cost_nothing(withstood):
    withstood("FZ-051")


@pytest.mark.requirement("FZ-052")
def test_no_target_and_no_method_brings_a_server_error(withstood):
    withstood("FZ-052")


@pytest.mark.requirement("FZ-053")
def test_every_judge_holds_of_hostile_answers(withstood):
    withstood("FZ-053")
