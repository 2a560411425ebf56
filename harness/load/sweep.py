"""Which rates to try: up in even ratios until the service levels break, then between. Pure; somebody else runs them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BISECTIONS = 3
KEPT_UP = 0.95  # of the rate that was asked for: a target that gets less done is past its knee


@dataclass(frozen=True)
class Step:
    """One rate that was tried. `met` is None where nothing can be said: our own generator was the bottleneck."""

    rate: float
    done_per_s: float | None
    met: bool | None
    due_per_s: float | None = None  # what came due, where that is known: random arrivals are not exactly the rate

    @property
    def keeps_up(self) -> bool | None:
        """Whether about as many were done as came due; None where that is not known."""
        if self.done_per_s is None:
            return None
        return self.done_per_s >= KEPT_UP * (self.rate if self.due_per_s is None else self.due_per_s)


@dataclass(frozen=True)
class Sweep:
    """From `low` to `high` requests a second in `steps` even ratios."""

    low: float
    high: float
    steps: int = 6

    def next_rate(self, done: Sequence[Step]) -> float | None:
        """The rate to try next; None when the answer is known, or cannot be."""
        if any(step.met is None for step in done):
            return None
        broken = [step.rate for step in done if not step.met]
        if not broken:
            return self._rate(len(done)) if len(done) < self.steps else None
        tried = [step for step in done if step.met]
        if len(done) - self._climbed(done) >= BISECTIONS or not tried:
            return None
        return round((max(step.rate for step in tried) + min(broken)) / 2, 3)

    def _rate(self, number: int) -> float:
        share = number / max(self.steps - 1, 1)
        return float(round(self.low * (self.high / self.low) ** share, 3))

    def _climbed(self, done: Sequence[Step]) -> int:
        """Steps up to and with the first that broke."""
        return next((number for number, step in enumerate(done, start=1) if not step.met), len(done))


def sweep_of(text: str) -> Sweep:
    """`10:200` or `10:200:8`. Raises ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)(?::(\d+))?", text)
    if not found or not 0 < float(found[1]) < float(found[2]) or int(found[3] or 6) < 2:
        raise ValueError(f"{text!r}: expected LOW:HIGH or LOW:HIGH:STEPS in requests a second, such as 10:200:6")
    return Sweep(float(found[1]), float(found[2]), int(found[3] or 6))


def summary(done: Sequence[Step]) -> dict[str, Any]:
    """The knee (the highest rate that the target kept up with) and the highest rate that met the service levels."""
    kept_up = [step.rate for step in done if step.keeps_up]
    lost = [step.rate for step in done if step.keeps_up is False]
    met = [step.rate for step in done if step.met]
    unmet = [step.rate for step in done if step.met is False]
    return {
        "knee_per_s": max((rate for rate in kept_up if not lost or rate < min(lost)), default=None) if lost else None,
        "highest_rate_met_per_s": max((rate for rate in met if not unmet or rate < min(unmet)), default=None),
        "lowest_rate_broken_per_s": min(unmet, default=None),
        "steps": [{"rate": s.rate, "done_per_s": s.done_per_s, "met": s.met} for s in sorted(done, key=_rate_of)],
    }


def _rate_of(step: Step) -> float:
    return step.rate
