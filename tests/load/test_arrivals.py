"""Arrivals and what they ask: the plan is the same for the same seed, and has the rate that was asked for."""

from __future__ import annotations

import json
import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.arrivals import NS, Arrivals, due, expected
from harness.load.scenario import Scenario, read
from harness.load.workload import Lengths, Workload, asked, continued, lengths

RATES = st.lists(st.tuples(st.floats(0.1, 5), st.floats(0, 50)), min_size=1, max_size=4)


def staged(steps: list[tuple[float, float]], kind: str = "constant") -> Arrivals:
    at, stages = 0.0, []
    for width, rate in steps:
        stages.append((at, rate))
        at += width
    return Arrivals(kind, tuple(stages))


@given(RATES, st.floats(0.1, 10))
def test_constant_arrivals_are_as_many_as_the_rate_makes_due(steps: list[tuple[float, float]], seconds: float) -> None:
    plan = staged(steps)
    found = list(due(plan, seconds, 1))
    assert abs(len(found) - expected(plan, seconds)) <= 1 + 1e-6
    assert found == sorted(found)
    assert all(at < seconds * NS + 1 for at in found)


def test_poisson_arrivals_are_independent_and_have_the_rate() -> None:
    found = list(due(Arrivals("poisson", ((0, 200.0),)), 50, seed=3))
    gaps = [b - a for a, b in pairwise(found)]
    assert abs(len(found) - 10_000) < 400
    assert 0.95 < statistics.stdev(gaps) / statistics.mean(gaps) < 1.05
    assert found == list(due(Arrivals("poisson", ((0, 200.0),)), 50, seed=3))
    assert found != list(due(Arrivals("poisson", ((0, 200.0),)), 50, seed=4))


def test_a_ramp_rises() -> None:
    found = list(due(Arrivals("constant", ((0, 0), (10, 100))), 10, 1))
    halves = [sum(at < 5 * NS for at in found), sum(at >= 5 * NS for at in found)]
    assert halves == pytest.approx([125, 375], abs=2)


def test_a_trace_is_replayed_as_it_is() -> None:
    assert list(due(Arrivals("trace", times_s=(0.5, 0.5, 2.0, 9.0)), 5, 1)) == [NS // 2, NS // 2, 2 * NS]


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "gamma", "stages": ((0, 1),)},
        {"stages": ()},
        {"stages": ((1, 1),)},
        {"stages": ((0, -1),)},
        {"kind": "trace", "times_s": (2, 1)},
    ],
)
def test_arrivals_that_are_none_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Arrivals(**given)  # type: ignore[arg-type]


MIX = Workload(
    models=(("a", 3.0), ("b", 1.0)),
    prompt=lengths("lognormal:40:20"),
    output=lengths("uniform:10:20"),
    streamed=0.5,
    aborted=0.3,
    tools=0.2,
    turns=2,
    prefixes=2,
    prefix_words=30,
)


def test_a_mix_has_its_shares_and_is_the_same_again() -> None:
    made = [asked(MIX, 1, number) for number in range(400)]
    bodies = [json.loads(one.body) for one in made]
    assert made == [asked(MIX, 1, number) for number in range(400)]
    assert 0.65 < sum(one.model == "a" for one in made) / 400 < 0.85
    assert 0.4 < sum(one.streamed for one in made) / 400 < 0.6
    assert 0.08 < sum(one.abort_after is not None for one in made) / 400 < 0.22  # only streams are left
    assert 0.13 < sum("tools" in body for body in bodies) / 400 < 0.27
    assert len({body["messages"][0]["content"] for body in bodies}) == 2
    assert all(10 <= body["max_tokens"] <= 20 for body in bodies)
    mean = statistics.mean(len(body["messages"][1]["content"].split()) for body in bodies)
    assert mean == pytest.approx(40, rel=0.1)


def test_a_turn_sends_all_that_was_said() -> None:
    first = asked(MIX, 1, 7)
    second = json.loads(asked(MIX, 1, 7, 1, continued(first.body, "an answer")).body)
    assert second["messages"][:2] == json.loads(first.body)["messages"]
    assert second["messages"][2] == {"role": "assistant", "content": "an answer"}
    assert second["model"] == first.model


def test_rows_of_a_file_are_asked_in_turn() -> None:
    rows = ({"prompt": "one", "at": "2026-01-01T00:00:00Z"}, {"messages": [{"role": "user", "content": "two"}], "n": 2})
    made = [json.loads(asked(Workload(models=(("a", 1.0),), prompts=rows), 1, number).body) for number in range(3)]
    assert [body["messages"][0]["content"] for body in made] == ["one", "two", "one"]
    assert made[1]["n"] == 2
    assert "at" not in made[0]


@pytest.mark.parametrize("text", ["", "many", "fixed", "fixed:0", "uniform:a:b", "gamma:1:2", "-4"])
def test_lengths_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        lengths(text)


def test_a_scenario_is_the_same_when_it_is_read_again() -> None:
    plan = Arrivals("poisson", ((0.0, 5.0), (10.0, 50.0)))
    made = Scenario("http://127.0.0.1/v1", (), 0, 5.0, workload=MIX, arrivals=plan, slos=("ttft_p99=1s",))
    assert read(made.text()) == made


def test_lengths_stay_within_their_bounds() -> None:
    rng = random.Random(1)
    drawn = [Lengths("normal", 10, 50, least=5, most=15).drawn(rng) for _ in range(100)]
    assert min(drawn) == 5
    assert max(drawn) == 15
