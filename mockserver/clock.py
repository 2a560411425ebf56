"""The mock's clock: real time, shifted or stopped by the control API."""

from __future__ import annotations

import datetime as dt
import time


class Clock:
    """`now` in unix seconds; a stopped clock moves only when told to."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._stopped_at: float | None = None

    def now(self) -> float:
        base = time.time() if self._stopped_at is None else self._stopped_at
        return base + self._offset

    def instant(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.now(), dt.UTC)

    def stop(self, at: dt.datetime) -> None:
        self._stopped_at, self._offset = at.timestamp(), 0.0

    def advance(self, seconds: float) -> None:
        self._offset += seconds

    def reset(self) -> None:
        self._stopped_at, self._offset = None, 0.0
