"""Requests that the provider fails."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.profile("standard")


@pytest.mark.requirement("FZ-008")
def test_a_failure_behind_the_gateway_is_told_as_one(came_through):
    came_through("FZ-008")
