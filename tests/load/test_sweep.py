"""The sweep: it finds the edge of a target whose edge is known, asks no rate twice, and says when it cannot know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.sweep import BISECTIONS, Step, Sweep, summary, sweep_of


def swept(sweep: Sweep, capacity: float) -> list[Step]:
    """What a target would show that keeps up, and within its service levels, up to a rate."""
    done: list[Step] = []
    while (rate := sweep.next_rate(done)) is not None:
        done.append(Step(rate, min(rate, capacity), rate <= capacity))
        assert len(done) < 50
    return done


@given(st.floats(1, 500), st.integers(2, 10))
def test_the_edge_is_between_what_was_met_and_what_was_not(capacity: float, steps: int) -> None:
    done = swept(Sweep(10, 200, steps), capacity)
    found = summary(done)
    assert len({step.rate for step in done}) == len(done) <= steps + BISECTIONS
    met, broken = found["highest_rate_met_per_s"], found["lowest_rate_broken_per_s"]
    assert met is None or met <= capacity
    assert broken is None or broken > capacity
    assert (met is None) == (capacity < 10)
    assert (broken is None) == (capacity >= done[-1].rate if broken is None else False)


def test_the_knee_is_where_a_target_no_longer_keeps_up() -> None:
    assert summary(swept(Sweep(10, 160, 5), 80))["knee_per_s"] == pytest.approx(80, rel=0.1)
    assert summary(swept(Sweep(10, 160, 5), 1000))["knee_per_s"] is None


def test_where_our_own_generator_is_the_bottleneck_the_sweep_ends() -> None:
    assert Sweep(10, 100).next_rate([Step(10, 10.0, True), Step(20, 15.0, None)]) is None


@pytest.mark.parametrize("text", ["", "10", "10:5", "0:5", "a:b", "1:2:1", "-1:5"])
def test_a_sweep_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        sweep_of(text)
