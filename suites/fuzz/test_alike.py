"""Requests that mean the same as another one, in other words: their answers mean the same, too."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.profile("standard")


@pytest.mark.requirement("FZ-020")
def test_headers_mean_the_same_in_any_spelling(alike_in):
    alike_in("FZ-020")


@pytest.mark.requirement("FZ-021")
def test_json_means_the_same_in_any_spelling(alike_in):
    alike_in("FZ-021")


@pytest.mark.requirement("FZ-022")
def test_unknown_members_are_ignored(alike_in):
    alike_in("FZ-022")


@pytest.mark.requirement("FZ-023")
def test_packets_mean_nothing(alike_in):
    alike_in("FZ-023")


@pytest.mark.requirement("FZ-024")
def test_a_body_in_chunks_is_a_body(alike_in):
    alike_in("FZ-024")


@pytest.mark.requirement("FZ-025")
def test_a_path_means_the_same_in_any_spelling(alike_in):
    alike_in("FZ-025")


@pytest.mark.requirement("FZ-026")
def test_a_connection_remembers_nothing(alike_in):
    alike_in("FZ-026")
