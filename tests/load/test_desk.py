"""The desk: numbers once each, nothing after the time is over, over when the last answer is in."""

from __future__ import annotations

from typing import Any

from harness.load.answer import Answer
from harness.load.desk import EXTRA_FAILURES, Desk
from harness.load.scenario import Scenario
from harness.load.workload import Workload
from harness.wire.exchange import Fault


class Clock:
    now = 1_000

    def __call__(self) -> int:
        return self.now


def a_desk(count: int = 3, **changes: Any) -> tuple[Desk, Clock]:
    scenario = Scenario("http://127.0.0.1:1/v1", tuple("{}" for _ in range(count)), 2, 1.0, **changes)
    return Desk(scenario, (), clock=(clock := Clock())), clock


def failed() -> Answer:
    answer = Answer(100, 100)
    answer.fault = Fault("connect", "refused")
    return answer


def test_every_request_is_handed_out_once() -> None:
    desk, _ = a_desk()
    assert [desk.take() for _ in range(5)] == [0, 1, 2, None, None]


def test_nothing_is_handed_out_when_the_time_is_over() -> None:
    desk, clock = a_desk()
    assert desk.take() == 0
    clock.now += 1_000_000_000
    assert desk.take() is None
    assert not desk.over.is_set()


def test_it_is_over_when_the_last_answer_is_in() -> None:
    desk, _ = a_desk(2)
    first, second = desk.take(), desk.take()
    assert (first, second, desk.take()) == (0, 1, None)
    for number in (0, 1):
        desk.put(number, failed())
        assert not desk.over.is_set()
        desk.finish()
    assert desk.over.is_set()


def test_failures_beside_the_sample_are_kept_up_to_a_number() -> None:
    desk, _ = a_desk(200, sample=5)
    while (number := desk.take()) is not None:
        desk.put(number, failed())
    assert len(desk.rows) == 200
    kept = {int(exchange.id.removeprefix("load")) for exchange in desk.exchanges()}
    assert desk.scenario.sampled() <= kept
    assert len(kept) == 5 + EXTRA_FAILURES


def test_the_sample_is_the_same_for_the_same_seed() -> None:
    bodies = tuple("{}" for _ in range(500))
    made = [Scenario("http://127.0.0.1:1/v1", bodies, 2, 1.0, seed=seed).sampled() for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    assert len(made[0]) == 200


def test_of_a_mix_as_many_are_kept_as_were_asked_for_however_many_there_are() -> None:
    mix = Workload(models=(("a", 1.0),))
    desk = Desk(Scenario("http://127.0.0.1:1/v1", (), 2, 1.0, workload=mix, requests=100_000, sample=7), ())
    for number in range(60):
        answer = failed()
        answer.fault = Fault("aborted", "as asked")
        desk.put(number, answer)
    kept = [exchange.intent["load"] for exchange in desk.exchanges()]
    assert len(kept) == 7
    assert max(kept) > 7
