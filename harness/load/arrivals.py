"""When requests are due: a plan made before the load, which no slow answer can delay. Pure and seeded."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

NS = 1_000_000_000


@dataclass(frozen=True)
class Arrivals:
    """An open loop. `stages` are (second, requests a second), with straight lines between them.

    `poisson` draws independent arrivals at that rate, `constant` spaces them evenly, `trace` has the times given.
    """

    kind: str = "poisson"
    stages: tuple[tuple[float, float], ...] = ()
    times_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in {"poisson", "constant", "trace"}:
            raise ValueError(f"arrivals: expected poisson, constant or trace, got {self.kind!r}")
        if self.kind == "trace":
            if not self.times_s or list(self.times_s) != sorted(self.times_s) or self.times_s[0] < 0:
                raise ValueError("arrivals: expected the times of a trace, in order")
            return
        if not self.stages or any(rate < 0 or not math.isfinite(rate) for _, rate in self.stages):
            raise ValueError("arrivals: expected at least one rate, none below zero")
        if self.stages[0][0] != 0 or any(a >= b for (a, _), (b, _) in pairwise(self.stages)):
            raise ValueError("arrivals: expected stages from second 0 on, in order")


def due(arrivals: Arrivals, seconds: float, seed: int) -> Iterator[int]:
    """Nanoseconds from the start at which requests are due, in order, below `seconds`."""
    if arrivals.kind == "trace":
        yield from (round(at * NS) for at in arrivals.times_s if at < seconds)
        return
    rng = random.Random(f"arrivals {seed}")  # noqa: S311 - a reproducible plan, not a secret
    expected = 0.0  # requests that the rate has made due so far; each arrival is where this passes the next threshold
    at: float | None
    while True:
        expected += rng.expovariate(1.0) if arrivals.kind == "poisson" else 1.0
        if (at := _when(arrivals.stages, expected)) is None or at >= seconds:
            return
        yield round(at * NS)


def expected(arrivals: Arrivals, seconds: float) -> float:
    """Requests that are due below `seconds`, on average."""
    if arrivals.kind == "trace":
        return sum(at < seconds for at in arrivals.times_s)
    total = 0.0
    for (begin, rate), end, slope in _pieces(arrivals.stages):
        width = min(seconds, end) - begin
        if width > 0:
            total += rate * width + slope * width * width / 2
    return total


def _pieces(stages: tuple[tuple[float, float], ...]) -> Iterator[tuple[tuple[float, float], float, float]]:
    """Each stage with its end and the slope of its rate; the last rate goes on for ever."""
    for (begin, rate), (end, next_rate) in pairwise(stages):
        yield (begin, rate), end, (next_rate - rate) / (end - begin)
    yield stages[-1], math.inf, 0.0


def _when(stages: tuple[tuple[float, float], ...], expected: float) -> float | None:
    """The second at which so many requests are due; None when the rate never makes that many."""
    for (begin, rate), end, slope in _pieces(stages):
        width = end - begin
        here = math.inf if math.isinf(width) and rate > 0 else (0.0 if math.isinf(width) else rate * width)
        here += 0.0 if math.isinf(width) else slope * width * width / 2
        if expected <= here and here > 0:
            return begin + _solved(rate, slope, expected)
        expected -= here
    return None


def _solved(rate: float, slope: float, area: float) -> float:
    """The time in which a rate with this slope makes `area` requests due."""
    root = math.sqrt(max(rate * rate + 2 * slope * area, 0.0))
    return 2 * area / (rate + root)  # the form that does not cancel for slopes near zero
