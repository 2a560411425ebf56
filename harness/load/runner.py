"""Runs one generator's part of a load with locust as a library. Always ends."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from gevent import monkey
from locust import stats
from locust.env import Environment
from locust.runners import LocalRunner, Runner

from harness.load.desk import Desk
from harness.load.gauge import Gauge
from harness.load.scenario import Scenario
from harness.load.users import user_of, users_of

GRACE_S = 5.0
HAND_OVER_S = 0.1
TURN_S = 0.00025


def environment() -> Environment:
    """Locust's, without the log lines that nobody reads, and with percentiles of three digits instead of two."""
    logging.getLogger("locust").setLevel(logging.ERROR)
    stats.bucket_response_time = _three_digits  # type: ignore[assignment]
    return Environment(user_classes=[], catch_exceptions=True)


def run(desk: Desk, runner: Runner, hand_over: Callable[[], None]) -> Gauge:
    """Start the users, wait for the last answer, stop. `hand_over` is called again and again meanwhile.

    Raises TimeoutError when a request outlived its limits, and whatever a user of ours raised.
    """
    made = runner.environment
    made.user_classes = [user_of(desk)]
    made.events.user_error.add_listener(lambda exception, **_: desk.crashed(exception))  # type: ignore[no-untyped-call]
    gauge = Gauge(desk)
    with quiet_collector(), unhurried_loop(desk.scenario):
        ticking, handing = gevent.spawn(gauge.run), gevent.spawn(_again, hand_over)
        try:
            if isinstance(runner, LocalRunner):
                runner.start(users_of(desk), spawn_rate=users_of(desk))
            else:  # a worker starts its own part: the master would give the users of a lost worker to others
                runner.spawn_users({"BoundReader": users_of(desk)})
            ended = desk.over.wait(timeout=desk.scenario.longest_s + GRACE_S)
        finally:
            gevent.killall([ticking, handing])
    if desk.crash is not None:
        raise desk.crash
    if not ended:
        raise TimeoutError("the last requests did not end by their own limits")
    return gauge


def _again(hand_over: Callable[[], None]) -> None:
    while True:
        gevent.sleep(HAND_OVER_S)
        hand_over()


def _three_digits(response_time: float) -> float:
    return round(response_time, 1) if response_time < 1000 else round(response_time)


@contextmanager
def unhurried_loop(scenario: Scenario) -> Iterator[None]:
    """Where the kernel says when bytes came, they can wait: the loop turns every quarter of a ms at most.

    A thousand streams would wake it twenty thousand times a second for a read or two, which costs more than to read.
    """
    turn, clock, sleep = gevent.get_hub().loop.prepare(), time.perf_counter, monkey.get_original("time", "sleep")
    last = 0.0

    def wait() -> None:
        nonlocal last
        if (left := last + TURN_S - clock()) > 0:
            sleep(left)
        last = clock()

    if scenario.kernel_times and sys.platform == "linux":
        turn.start(wait)
    try:
        yield
    finally:
        turn.stop()
        turn.close()


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Long passes of the garbage collector are the largest lateness of a generator with many streams."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
