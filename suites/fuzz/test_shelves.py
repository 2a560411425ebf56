"""Lists, and what they list."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.profile("standard")


@pytest.mark.requirement("FZ-015")
def test_what_is_listed_can_be_read(readable):
    readable("FZ-015")
