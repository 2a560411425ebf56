"""What the generator itself does while it measures: how late it is, how busy, how large. The generator's alone."""

from __future__ import annotations

import resource
import time

import gevent
import psutil

from harness.load.desk import Desk

TICK_S = 0.01
EVERY = 10  # ticks between looks at memory and requests in flight


class Gauge:
    """Sleeps for 10 ms again and again: what it oversleeps, every reader may have been late too."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._process, self._before = desk, psutil.Process(), cpu_s()

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU that this process used since the gauge was made."""
        return cpu_s() - self._before

    def run(self) -> None:
        """Measures the lateness of our own timer at every tick, in nanoseconds; never returns."""
        ticks = 0
        while True:
            due = time.perf_counter_ns() + int(TICK_S * 1e9)
            gevent.sleep(TICK_S)
            slot = self._desk.tally.slot(self._desk.since_start())
            slot.measure("lag", (max(time.perf_counter_ns() - due, 0),))
            ticks += 1
            if ticks % EVERY == 0:
                slot.reach(f"in_flight {self._desk.index}", self._desk.in_flight)
                slot.reach(f"memory_mb {self._desk.index}", round(self._process.memory_info().rss / 1e6, 1))


def cpu_s() -> float:
    """Seconds of CPU, user and system, that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
