"""Lists, and what they list."""

from __future__ import annotations

import pytest

from harness.model import Nonconformity

pytestmark = pytest.mark.profile("standard")


@pytest.mark.requirement("FZ-015")
def test_what_is_listed_can_be_read(readable):
    readable("FZ-015")


@pytest.mark.requirement("FZ-016")
def test_what_is_not_documented_is_not_there(readable):
    readable("FZ-016")


@pytest.mark.requirement("FZ-001")
def test_every_judge_holds_of_reads(browsed):
    if findings := browsed.causes.of("FZ-001"):
        raise Nonconformity(findings)


@pytest.mark.requirement("FZ-017")
def test_a_name_that_is_nearly_one_is_none(readable):
    readable("FZ-017")
