"""Figures: percentiles within a bin of the truth, outcomes partition requests, failures are no latencies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.figures import bottleneck, distribution, figures, series
from harness.load.histogram import Histogram, bin_of, middle
from harness.load.intervals import interval
from harness.load.slo import parse
from harness.load.stream import ANSWERED, Stream
from harness.load.tally import Tally

GOOD = Stream(
    status=200,
    fault=None,
    is_stream=True,
    done=True,
    failed=False,
    started_ns=0,
    end_ns=50_000_000,
    connected_ns=None,
    first_ns=10_000_000,
    gaps_ns=(20_000_000, 20_000_000),
    outputs=3,
    coalesced=0,
    tokens=(7, 3),
)
TIMES = st.integers(min_value=0, max_value=10**12)


def counted(values: Sequence[int]) -> Histogram:
    made = Histogram()
    made.add_all(values)
    return made


def measured(streams: Sequence[Stream], seconds: float = 60, **changes: Any) -> dict[str, Any]:
    tally = Tally(seconds, **changes)
    for stream in streams:
        tally.add(stream)
    return figures(tally, 2)


@given(TIMES)
def test_a_bin_is_narrow_and_holds_its_values(value: int) -> None:
    assert bin_of(middle(bin_of(value))) == bin_of(value)
    assert abs(middle(bin_of(value)) - value) <= value / 1024


@given(st.lists(TIMES, min_size=1), st.sampled_from([50, 90, 99, 99.9, 100]))
def test_a_percentile_is_the_value_of_its_rank_within_a_bin(values: list[int], share: float) -> None:
    exact = sorted(values)[max(math.ceil(len(values) * share / 100), 1) - 1]
    found = counted(values).percentile(share)
    assert found is not None
    assert abs(found - exact) <= exact / 1024


@given(st.lists(TIMES), st.lists(TIMES))
def test_merged_counts_are_those_of_all_values(left: list[int], right: list[int]) -> None:
    merged = counted(left)
    merged.merge(Histogram.from_json(counted(right).to_json()))
    assert merged.to_json() == counted([*left, *right]).to_json()


def test_nothing_measured_is_not_zero() -> None:
    assert distribution(Histogram()) is None
    empty = measured([])
    assert (empty["ttft_ms"], empty["streams_per_s"], empty["requests"], empty["errors_percent"]) == (
        None,
        None,
        0,
        None,
    )


FAILURES = {
    "status 503": replace(GOOD, status=503, is_stream=False, done=False),
    "no answer: connect": replace(GOOD, status=None, fault="connect"),
    "broken: truncated": replace(GOOD, fault="truncated"),
    "error in the stream": replace(GOOD, failed=True),
    "no stream": replace(GOOD, is_stream=False),
    "no end marker": replace(GOOD, done=False),
    "cut by us": replace(GOOD, fault="aborted"),
}


@pytest.mark.parametrize("outcome", FAILURES)
def test_a_failure_is_counted_and_stays_out_of_the_latencies(outcome: str) -> None:
    slow = replace(FAILURES[outcome], first_ns=10**10, end_ns=10**10)
    found = measured([GOOD, slow])
    assert found["outcomes"] == {outcome: 1, ANSWERED: 1}
    assert found["ttft_ms"]["max"] == 10
    assert found["itl_ms"]["count"] == 2
    assert found["errors_percent"] == (0 if outcome == "cut by us" else 50)


@given(st.lists(st.sampled_from([GOOD, *FAILURES.values()])))
def test_every_request_has_one_outcome(streams: list[Stream]) -> None:
    found = measured(streams)
    assert sum(found["outcomes"].values()) == sum(found["statuses"].values()) == len(streams)


def test_usage_counts_who_said_nothing_and_the_warm_up_too() -> None:
    silent, refused = replace(GOOD, tokens=None), replace(GOOD, status=429, tokens=None)
    lost = replace(GOOD, status=None, fault="connect", tokens=None)
    later = [replace(stream, started_ns=2 * 10**9) for stream in (silent, refused, lost)]
    found = measured([GOOD, GOOD, *later], warm_up_s=1)
    assert found["usage"] == {"prompt_tokens": 14, "completion_tokens": 6, "unknown": 1}
    assert (found["requests"], found["warm_up_requests"], found["ttft_ms"]["count"]) == (5, 2, 1)


def test_rates_are_of_what_ended_in_the_time() -> None:
    late = replace(GOOD, started_ns=950_000_000)
    over = replace(GOOD, started_ns=990_000_000)
    found = measured([GOOD, late, over], seconds=1)
    assert (found["wall_s"], found["streams_per_s"], found["tokens_per_s"]) == (1.0, 2.0, 6.0)


def test_what_was_due_counts_from_then() -> None:
    found = measured([replace(GOOD, started_ns=2_000_000_000, due_ns=0)])
    assert (found["queue_ms"]["max"], found["ttft_ms"]["max"], found["ttft_from_due_ms"]["max"]) == (2000, 10, 2010)


def test_service_levels_judge_from_when_a_request_was_due() -> None:
    levels = [parse("ttft_p90=100ms"), parse("itl_p50=20ms"), parse("errors=1%")]
    streams = [replace(GOOD, due_ns=0, started_ns=10**9 * number) for number in range(2)]
    found = measured(streams, slos=levels)
    assert [row["met"] for row in found["slos"]] == [False, True, True]
    assert found["goodput_per_s"] == round(1 / found["wall_s"], 2)


@pytest.mark.parametrize("text", ["ttft=1s", "ttft_p0=1s", "ttft_p101=1s", "p99=1s", "itl_p50=3", "errors=1", ""])
def test_a_service_level_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def test_an_interval_holds_the_percentile_of_what_it_was_drawn_from() -> None:
    slots = [counted([1_000_000 * (slot + 1) + step * 1000 for step in range(50)]) for slot in range(20)]
    whole = Histogram()
    for slot in slots:
        whole.merge(slot)
    low, high = interval(slots, 50) or (0, 0)
    assert low < (whole.percentile(50) or 0) < high
    assert interval(slots, 50) == interval(slots, 50)
    assert interval(slots[:5], 50) is None


def test_the_series_has_a_row_a_slot() -> None:
    tally = Tally(6)
    for second in range(6):
        tally.add(replace(GOOD, started_ns=second * 10**9))
    assert [row["at_s"] for row in series(tally) if row["requests"]] == [0, 1, 2, 3, 4, 5]


def test_tallies_of_two_generators_are_one() -> None:
    streams = [replace(GOOD, started_ns=number * 10**8, first_ns=10**7 + number) for number in range(40)]
    whole, halves = Tally(4), (Tally(4), Tally(4))
    for number, stream in enumerate(streams):
        whole.add(stream)
        halves[number % 2].add(stream)
    halves[0].take(halves[1].to_json())
    assert halves[0].to_json() == whole.to_json()


def test_a_generator_that_was_late_or_busy_says_so() -> None:
    calm = {"lag_ms": {"p99": 3.0}, "cpu_share": 0.5, "coalesced_share": 0.01}
    made = {"ttft_ms": {"p50": 20.0}, "dropped": 0}
    assert bottleneck(calm, made) == []
    assert len(bottleneck({**calm, "lag_ms": {"p99": 6.0}}, made)) == 1
    assert len(bottleneck({**calm, "cpu_share": 0.97, "coalesced_share": 0.2}, {**made, "dropped": 1})) == 3
