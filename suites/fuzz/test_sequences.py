"""The life of what is made, by two tenants in turn."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.profile("standard")


@pytest.mark.requirement("FZ-010")
def test_what_is_made_can_be_read(lives_by):
    lives_by("FZ-010")


@pytest.mark.requirement("FZ-011")
def test_what_is_deleted_is_gone(lives_by):
    lives_by("FZ-011")


@pytest.mark.requirement("FZ-012")
def test_what_is_changed_reads_so(lives_by):
    lives_by("FZ-012")


@pytest.mark.requirement("FZ-013")
def test_tenants_do_not_meet(lives_by):
    lives_by("FZ-013")


@pytest.mark.requirement("FZ-014")
def test_what_is_made_is_listed(lives_by):
    lives_by("FZ-014")
