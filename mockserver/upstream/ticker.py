"""Absolute times for thousands who wait: one timer of the loop, which goes off once a millisecond at most."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable

import uvloop

Then = Callable[[], None]
NEVER = 1 << 62


def exact_time(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The loop's time in seconds. uvloop itself tells it in whole milliseconds, as it was when it last woke up."""
    return time.monotonic if isinstance(loop, uvloop.Loop) else loop.time


class Ticker:
    """Calls each one back at the millisecond nearest to its time, which is as exactly as the loop's timers go."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop, self.now = loop, exact_time(loop)
        self._slots: dict[int, list[Then]] = {}  # by millisecond
        self._order: list[int] = []  # a heap of them
        self._timer: asyncio.TimerHandle | None = None
        self._goes_off = NEVER  # at this millisecond

    def at(self, when: float, then: Then) -> None:
        """`when` in seconds of the loop's clock."""
        slot = round(when * 1000)
        waiting = self._slots.get(slot)
        if waiting is not None:
            waiting.append(then)
            return
        self._slots[slot] = [then]
        heapq.heappush(self._order, slot)
        if slot < self._goes_off:
            self._arm(slot)

    def _arm(self, slot: int) -> None:
        """Whole milliseconds from the last whole one: what a timer of libuv counts in."""
        if self._timer is not None:
            self._timer.cancel()
        self._goes_off = slot
        self._timer = self.loop.call_later(max(slot - int(self.now() * 1000), 0) / 1000, self._fire)

    def _fire(self) -> None:
        self._timer, self._goes_off = None, 0  # nothing is armed before all are called
        while self._order and self._order[0] <= self.now() * 1000 + 0.01:
            for then in self._slots.pop(heapq.heappop(self._order)):
                try:
                    then()
                except Exception as error:  # of one who waits: the others wait on
                    self.loop.call_exception_handler({"message": f"{then} failed when it was due", "exception": error})
        self._goes_off = NEVER
        if self._order:
            self._arm(self._order[0])
