"""Figures: percentiles are measured values in order, outcomes partition the requests, failures are no latencies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.figures import ANSWERED, Stream, distribution, figures, most_at_once, percentile

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


@given(st.lists(TIMES, min_size=1))
def test_percentiles_are_measured_values_in_order(values: list[int]) -> None:
    ordered = sorted(values)
    found = [percentile(ordered, share) for share in (1, 50, 90, 99, 100)]
    assert found == sorted(found)
    assert set(found) <= set(values)
    assert found[-1] == max(values)


@given(st.lists(TIMES, min_size=1), st.sampled_from([50, 90, 99]))
def test_a_percentile_bounds_its_share_of_the_values(values: list[int], share: int) -> None:
    bound = percentile(sorted(values), share)
    assert sum(value <= bound for value in values) * 100 >= share * len(values)
    assert sum(value < bound for value in values) * 100 < share * len(values)


@given(st.lists(TIMES, min_size=1), st.randoms(use_true_random=False))
def test_a_distribution_does_not_depend_on_order(values: list[int], rng: Any) -> None:
    shuffled = list(values)
    rng.shuffle(shuffled)
    assert distribution(shuffled) == distribution(values)


def test_nothing_measured_is_not_zero() -> None:
    assert distribution([]) is None
    empty = figures([], [], 4)
    assert (empty["ttft_ms"], empty["streams_per_s"], empty["requests"]) == (None, None, 0)


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
    found = figures([GOOD, slow], [1000], 2)
    assert found["outcomes"] == {outcome: 1, ANSWERED: 1}
    assert found["ttft_ms"]["max"] == 10
    assert found["itl_ms"]["count"] == 2


@given(st.lists(st.sampled_from([GOOD, *FAILURES.values()])))
def test_every_request_has_one_outcome(streams: list[Stream]) -> None:
    assert sum(figures(streams, [], 1)["outcomes"].values()) == len(streams)


def test_usage_counts_who_said_nothing() -> None:
    silent, refused = replace(GOOD, tokens=None), replace(GOOD, status=429, tokens=None)
    lost = replace(GOOD, status=None, fault="connect", tokens=None)
    used = figures([GOOD, GOOD, silent, refused, lost], [], 1)["usage"]
    assert used == {"prompt_tokens": 14, "completion_tokens": 6, "unknown": 1}


def test_a_request_that_ends_when_the_next_begins_is_not_at_once_with_it() -> None:
    after = replace(GOOD, started_ns=GOOD.end_ns)
    assert most_at_once([GOOD, after]) == 1
    assert most_at_once([GOOD, replace(GOOD, started_ns=1), after]) == 2


def test_rates_count_answers_over_the_whole_time() -> None:
    late = replace(GOOD, started_ns=950_000_000)
    found = figures([GOOD, late], [], 1)
    assert (found["wall_s"], found["streams_per_s"], found["tokens_per_s"]) == (1.0, 2.0, 6.0)
