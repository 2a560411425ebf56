"""Two requests at once."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.profile("standard")


@pytest.mark.requirement("FZ-060")
def test_chats_at_once_are_chats_apart(held_at_once):
    held_at_once("FZ-060")


@pytest.mark.requirement("FZ-061")
def test_two_made_at_once_are_two(held_at_once):
    held_at_once("FZ-061")


@pytest.mark.requirement("FZ-062")
def test_of_two_changes_at_once_one_holds(held_at_once):
    held_at_once("FZ-062")


@pytest.mark.requirement("FZ-063")
def test_two_deletions_at_once_delete_once(held_at_once):
    held_at_once("FZ-063")


@pytest.mark.requirement("FZ-064")
def test_every_judge_holds_of_pairs(held_at_once):
    held_at_once("FZ-064")
