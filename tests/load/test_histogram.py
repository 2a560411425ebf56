"""Durations taken in together are those taken in one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.load.histogram import Histogram


@given(st.lists(st.lists(st.integers(-1000, 10**13))))
def test_together_or_one_by_one(groups: list[list[int]]) -> None:
    together, single = Histogram(), Histogram()
    for group in groups:
        together.add_all(group)
        for value in group:
            single.add(value)
    assert together.to_json() == single.to_json()
