"""A model loses its confidential flag and gets it back: the gate follows on the very next call."""

from __future__ import annotations

import pytest

from harness.judge.calls import error_code
from harness.judge.errors import NOT_CONFIDENTIAL
from harness.model import NotObserved


@pytest.mark.requirement("VT-003")
def test_a_lost_flag_stops_answers_and_streams(flip):
    served = [
        answer.request.json.get("stream", False) for answer in (flip.refused, flip.streamed) if answer.status < 400
    ]
    assert not served, f"{flip.model} lost its flag and was served all the same (streamed: {served})"


@pytest.mark.requirement("VT-004")
def test_a_lost_flag_has_its_own_code(flip):
    codes = {error_code(answer) for answer in (flip.refused, flip.streamed)}
    assert codes == {NOT_CONFIDENTIAL}, f"{flip.model} lost its flag and was refused with {codes}"


@pytest.mark.requirement("VT-007")
def test_the_gate_follows_the_flag_both_ways(flip):
    if flip.before.status >= 429:
        raise NotObserved(f"{flip.model} was answered with {flip.before.status} while it had its flag")
    seen = [answer.status < 400 for answer in (flip.before, flip.refused, flip.restored, flip.refused_again)]
    assert seen == [True, False, True, False], f"flag on, off, on, off; served: {seen}"


@pytest.mark.requirement("VT-008")
def test_a_lost_flag_gives_400(flip):
    statuses = [flip.refused.status, flip.streamed.status]
    assert statuses == [400, 400], f"{flip.model} lost its flag and was answered with {statuses}"


@pytest.mark.requirement("VT-010")
def test_a_lost_flag_keeps_prompts_from_the_provider(flip):
    assert not flip.upstream, f"{flip.model} lost its flag, and {len(flip.upstream)} prompts went upstream"
