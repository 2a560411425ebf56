"""Coordinates: nothing is invented, nothing is lost, everything lies on the axis."""

from __future__ import annotations

import pytest

from reports import figures


def test_segments_fill_the_bar() -> None:
    made = figures.segments({"fail": 1, "pass": 2, "waived": 1})
    assert [part.x for part in made] == [0, 25, 75]
    assert sum(part.width for part in made) == pytest.approx(100)


def test_no_requirements_make_no_segments() -> None:
    assert figures.segments({}) == []


def test_timeline_keeps_every_event_and_its_pause() -> None:
    made = figures.timeline([{"at_ms": 50, "data": "a"}, {"at_ms": 200, "data": "b"}])
    assert [(event.number, event.gap_ms, event.x) for event in made] == [(1, 50, 25), (2, 150, 100)]


def test_a_long_stream_shows_how_it_begins_and_closes() -> None:
    made = figures.timeline([{"at_ms": number, "data": ""} for number in range(100)])
    assert [event.number for event in figures.ends(made, 4)] == [1, 2, 99, 100]
    assert figures.ends(made, 100) == made


def test_ranges_share_one_logarithmic_axis() -> None:
    found = figures.ranges({"a": {"p50": 1, "max": 10}, "b": {"c": {"p50": 10, "p99": 100}}, "n": 3})
    places = {item.label: [(point.name, point.x) for point in item.points] for item in found}
    assert places == {"a": [("p50", 0), ("max", 50)], "b c": [("p50", 50), ("p99", 100)]}


@pytest.mark.parametrize("nothing", [None, {}, {"p50": "fast"}, [1, 2], {"a": {"p50": 0}}])
def test_ranges_of_nothing_are_none(nothing: object) -> None:
    assert figures.ranges(nothing) == []


def test_what_is_not_a_range_is_kept() -> None:
    assert figures.without_ranges({"a": {"p50": 1}, "b": {"c": {"p50": 2}, "n": 3}}) == {"b": {"n": 3}}
