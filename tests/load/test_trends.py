"""Trends: a leak has its slope, noise has none, and what cannot be told apart is said to be unknown."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.figures import figures
from harness.load.slo import parse
from harness.load.slopes import line
from harness.load.tally import Tally
from tests.load.test_figures import GOOD

MINUTES, EVERY_S = 10, 0.5
MS = 1_000_000


def load(
    ttft_ms: Callable[[float], float], *slos: str, failing: Callable[[float], bool] | None = None
) -> dict[str, Any]:
    """The figures of ten minutes, two requests a second; `ttft_ms` and `failing` by the minute."""
    tally = Tally(MINUTES * 60, [parse(text) for text in slos])
    for number in range(int(MINUTES * 60 / EVERY_S) + 1):
        minute = number * EVERY_S / 60
        first = round(ttft_ms(minute) * MS)
        at = round(number * EVERY_S * 1e9)
        stream = replace(GOOD, started_ns=at, first_ns=first, end_ns=first + 40 * MS)
        tally.add(replace(stream, status=503, is_stream=False) if failing and failing(minute) else stream)
        tally.slot(at).reach("in_flight 0", 7)
        tally.slot(at).reach("memory_mb 0", 60.0)
    return figures(tally, 2)


def noisy(slope: float, spread: float, seed: int = 1) -> Callable[[float], float]:
    chance = random.Random(seed)
    return lambda minute: max(50 + slope * minute + chance.gauss(0, spread), 1)


def test_a_leak_that_slows_down_is_still_one() -> None:
    found = line([(minute, math.sqrt(minute)) for minute in range(1, 41)])
    assert found is not None
    assert 0 < found.low < found.slope < found.high


def test_a_flat_load_has_no_trend() -> None:
    trends = load(lambda minute: 50)["trends"]
    for name in ("ttft_p50", "itl_p50", "e2e_p50", "errors", "in_flight", "answered", "memory"):
        assert (trends[name]["slope"], trends[name]["low"], trends[name]["high"]) == (0, 0, 0), name
    assert trends["ttft_p99"] is None  # ten answers a stretch have no 99th percentile


def test_a_leak_has_its_slope_and_a_plain_sentence() -> None:
    row = load(lambda minute: 50 + 3.1 * minute)["trends"]["ttft_p50"]
    assert row["low"] <= 3.1 <= row["high"]
    assert abs(row["slope"] - 3.1) < 0.05
    assert row["end"] - row["start"] == pytest.approx(3.1 * MINUTES, rel=0.05)
    assert row["said"].startswith(f"ttft p50 grows by {row['slope']:g} ms a minute (95 %: ")
    assert row["unit"] == "ms/min"


@pytest.mark.parametrize("seed", range(4))
def test_a_leak_shows_through_noise_and_noise_alone_does_not(seed: int) -> None:
    leaking = load(noisy(3.1, 10, seed))["trends"]["ttft_p50"]
    assert leaking["low"] > 0
    assert leaking["low"] <= 3.1 <= leaking["high"]
    still = load(noisy(0, 10, seed))["trends"]["ttft_p50"]
    assert still["low"] <= 0.5
    assert still["high"] >= -0.5


def test_one_stall_is_no_trend() -> None:
    row = load(lambda minute: 5_000 if 8 < minute < 8.5 else 50)["trends"]["ttft_p50"]
    assert row["slope"] == 0


def test_failures_that_become_more_are_a_trend_and_throughput_falls() -> None:
    chance = random.Random(1)
    found = load(lambda minute: 50, failing=lambda minute: chance.random() < minute / MINUTES)
    assert found["trends"]["errors"]["low"] > 0
    assert found["trends"]["answered"]["high"] < 0
    assert found["trends"]["answered"]["said"].startswith("answered falls by ")


LEVELS = {
    "ttft_trend=1ms/min": False,
    "ttft_trend=60ms/h": False,
    "ttft_p50_trend=4ms/min": True,
    "e2e_trend=0.01s/min": True,
    "errors_trend=0%/min": True,
    "in_flight_trend=0/min": True,
    "answered_trend=0.1/min": True,
    "ttft_p99_trend=1ms/min": None,
}


@pytest.mark.parametrize("text", LEVELS)
def test_a_trend_is_a_service_level(text: str) -> None:
    (row,) = load(lambda minute: 50 + 3.1 * minute, text)["slos"]
    assert row["met"] is LEVELS[text]
    assert parse(row["slo"]) == parse(text)


def test_a_load_that_is_too_short_to_tell_says_so() -> None:
    (row,) = load(noisy(1, 40), "ttft_trend=1ms/min")["slos"]
    assert row["met"] is None
    assert row["within"][0] < 1 < row["within"][1]


@pytest.mark.parametrize("text", ["ttft_trend=1ms", "ttft_trend=1%/min", "errors_trend=1/min", "tpot_trend=1ms/min"])
def test_a_trend_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ttft_trend=1ms/min"):
        parse(text)


def test_the_ramp_and_the_rest_after_the_end_are_no_trend() -> None:
    tally = Tally(60)
    for number in range(240):
        seconds = number / 4
        first = min(seconds, 50) * 10 + 50  # it grows until the load has reached its height
        tally.add(
            replace(GOOD, started_ns=round(seconds * 1e9), first_ns=round(first * MS), end_ns=round(first * MS) + 1)
        )
    assert figures(tally, 1, steady_from_s=50.0)["trends"]["ttft_p50"]["slope"] == 0
    assert figures(tally, 1)["trends"]["ttft_p50"]["low"] > 0


@given(st.lists(st.floats(-1e3, 1e3), min_size=8, max_size=30), st.floats(-100, 100), st.floats(0.1, 10))
def test_a_slope_moves_with_its_points(values: list[float], tilt: float, scale: float) -> None:
    """Tilting all points tilts the line as much, stretching them stretches it; the interval holds the slope."""
    plain = line(list(enumerate(values)))
    tilted = line([(x, scale * y + tilt * x) for x, y in enumerate(values)])
    assert plain is not None
    assert tilted is not None
    assert plain.low <= plain.slope <= plain.high
    assert tilted.slope == pytest.approx(scale * plain.slope + tilt, abs=1e-6, rel=1e-6)


def test_few_points_have_no_line() -> None:
    assert line([(x, x) for x in range(7)]) is None
    assert line([(1.0, y) for y in range(9)]) is None
