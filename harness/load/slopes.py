"""The line through noisy points, and how far its slope can be believed: Theil and Sen's, unmoved by outliers. Pure.

Neighbouring stretches of a load share their causes (a neighbour on the machine, a garbage collection), so the interval
is that of as many independent points as the residuals leave, not of all.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

LEAST_POINTS = 8  # fewer say too little of what is chance
Z = 1.959964  # of 95 percent
# A curve runs on one side of its line for long, and its neighbours look alike for that reason only: with a higher bound
# the very leak that grows smoothly would be lost. Noise that is more alike than this has intervals that are too narrow.
MOST_ALIKE = 0.8


@dataclass(frozen=True)
class Line:
    """y = start + slope * (x - x of the first point); `low` and `high` hold the slope with 95 percent."""

    slope: float
    low: float
    high: float
    start: float
    end: float  # at the x of the last point
    points: int


def line(points: Sequence[tuple[float, float]]) -> Line | None:
    """Through points in order of x; None where there are too few."""
    if len(points) < LEAST_POINTS:
        return None
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 != x1)
    if not slopes:
        return None
    slope, origin = statistics.median(slopes), points[0][0]
    start = statistics.median(y - slope * (x - origin) for x, y in points)
    alike = _alike([y - start - slope * (x - origin) for x, y in points])
    low, high = _interval(slopes, len(points), math.sqrt((1 + alike) / (1 - alike)))
    return Line(slope, low, high, start, start + slope * (points[-1][0] - origin), len(points))


def _interval(slopes: Sequence[float], points: int, wider: float) -> tuple[float, float]:
    """Sen's interval by the ranks of the slopes (1968), `wider` times as wide in ranks."""
    spread = wider * Z * math.sqrt(points * (points - 1) * (2 * points + 5) / 18)
    last = len(slopes) - 1
    low, high = math.floor((len(slopes) - spread) / 2), math.ceil((len(slopes) + spread) / 2)
    return slopes[max(low, 0)], slopes[min(high, last)]


def _alike(residuals: Sequence[float]) -> float:
    """How much neighbours have in common, 0 to MOST_ALIKE: the correlation of each residual with the next."""
    middle = statistics.fmean(residuals)
    spread = sum((value - middle) ** 2 for value in residuals)
    together = sum((one - middle) * (two - middle) for one, two in pairwise(residuals))
    return min(max(together / spread, 0.0), MOST_ALIKE) if spread > 0 else 0.0
