"""How far a percentile would move if the load were run again: a bootstrap over stretches of time. Pure and seeded.

Requests that are close in time share queues and stalls, and gaps of one stream share everything: resampling single
values would promise far too much. Whole slots are drawn instead.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from harness.load.histogram import Histogram, middle

LEAST_SLOTS = 8  # fewer say too little of how much slots differ
ROUNDS = 400
SHARES = (2.5, 97.5)


def interval(slots: Sequence[Histogram], share: float, seed: int = 1) -> tuple[int, int] | None:
    """The 95 percent interval of a percentile, in nanoseconds; None where too few slots hold anything."""
    filled = [slot for slot in slots if slot.count]
    if len(filled) < LEAST_SLOTS:
        return None
    bins = sorted({index for slot in filled for index in slot.counts})
    reached = [list(accumulate(slot.counts.get(index, 0) for index in bins)) for slot in filled]
    rng = random.Random(f"bootstrap {seed}")  # noqa: S311 - reproducible, no secret
    found = sorted(_resampled(reached, share, rng, len(bins)) for _ in range(ROUNDS))
    low, high = (found[round(edge / 100 * (ROUNDS - 1))] for edge in SHARES)
    return middle(bins[low]), middle(bins[high])


def _resampled(reached: list[list[int]], share: float, rng: random.Random, bins: int) -> int:
    """The bin of the percentile in as many slots, drawn with replacement."""
    drawn = rng.choices(reached, k=len(reached))
    rank = sum(slot[-1] for slot in drawn) * share / 100
    return min(bisect_left(range(bins), rank, key=lambda at: sum(slot[at] for slot in drawn)), bins - 1)
