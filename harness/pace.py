"""Keeps a run below the target's own rate limit: a check that meets a 429 it did not ask for says nothing."""

from __future__ import annotations

import threading
import time

from harness.exchange import Exchange
from harness.judge.limits import WINDOW_S, number, seconds_to_reset
from specs import Contract

MARGIN = 8  # requests left unused: some may be under way
LONGEST_S = WINDOW_S + 2.0


class Pace:
    """Reads the limit headers of one key's answers; waits for the next window when this one is nearly used up."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._stated = contract.trait("limits.headers", None) is not None
        self._resume: float | None = None  # by time.monotonic
        self._lock = threading.Lock()

    def note(self, x: Exchange) -> None:
        if not self._stated or x.head_status in {None, 401}:
            return
        remaining, ahead = number(x, self._contract, "remaining"), seconds_to_reset(x, self._contract)
        with self._lock:
            if remaining is None or ahead is None or remaining > MARGIN:
                self._resume = None
            elif 0 < ahead <= LONGEST_S:
                self._resume = time.monotonic() + ahead

    def wait(self) -> None:
        """Returns when the key may ask again; at most a window later."""
        with self._lock:
            due = 0.0 if self._resume is None else self._resume - time.monotonic()
            self._resume = None
        if due > 0:
            time.sleep(due)
