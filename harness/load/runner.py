"""Runs one scenario with locust as a library, and measures how late the generator itself is. Always ends."""

from __future__ import annotations

import gc
import logging
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
from locust.env import Environment

from harness.load.desk import Desk
from harness.load.users import reader_of

TICK_S = 0.01
GRACE_S = 5.0


class LagMeter:
    """Sleeps for 10 ms again and again: what it oversleeps, every reader may have been late too."""

    def __init__(self) -> None:
        self.lags_ns: array[int] = array("q")

    def run(self) -> None:
        while True:
            due = time.perf_counter_ns() + int(TICK_S * 1e9)
            gevent.sleep(TICK_S)
            self.lags_ns.append(max(time.perf_counter_ns() - due, 0))


def run(desk: Desk) -> LagMeter:
    """Start the users, wait for the last answer, stop. Raises TimeoutError when a request outlived its limits."""
    logging.getLogger("locust").setLevel(logging.ERROR)
    users = desk.scenario.users
    environment = Environment(user_classes=[reader_of(desk)], catch_exceptions=True)
    runner = environment.create_local_runner()
    environment.events.user_error.add_listener(lambda exception, **_: desk.crashed(exception))  # type: ignore[no-untyped-call]
    meter = LagMeter()
    ticking = gevent.spawn(meter.run)
    try:
        with quiet_collector():
            runner.start(users, spawn_rate=users)
            ended = desk.over.wait(timeout=desk.scenario.longest_s + GRACE_S)
    finally:
        ticking.kill()
        runner.quit()
    if desk.crash is not None:
        raise desk.crash
    if not ended:
        raise TimeoutError("the last requests did not end by their own limits")
    return meter


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
