"""Health: a word for those who have a key."""

from __future__ import annotations

import pytest

from harness.judge.chat import is_filled


@pytest.mark.requirement("VU-140")
@pytest.mark.cost(calls=1)
def test_health_is_told(ask):
    answer = ask.send("GET", "/health")
    assert answer.status == 200, f"health was answered with {answer.status}"
    status = answer.json["status"]
    assert is_filled(status), f"the state of the cluster is told as {status!r}"
