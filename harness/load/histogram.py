"""Counts of durations in bins of constant relative width, as HDR histograms have them: merged exactly, never sampled.

A bin is at most one part in 1,024 wide. Only bins that hold something take room, so that a load can keep one for each
metric of each of its time slots.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

BITS = 11
_LOW = (1 << BITS) - 1


class Histogram:
    """Durations in nanoseconds. Sum, least and most are exact, and every percentile is within 0.05 percent."""

    __slots__ = ("counts", "least", "most", "sum")

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.sum = 0
        self.least: int | None = None
        self.most: int | None = None

    def add(self, value: int) -> None:
        """One duration in nanoseconds; a negative one counts as 0."""
        value, counts = max(value, 0), self.counts
        number = bin_of(value)
        counts[number] = counts.get(number, 0) + 1
        self.sum += value
        self.least = value if self.least is None or value < self.least else self.least
        self.most = value if self.most is None or value > self.most else self.most

    def add_all(self, values: Sequence[int]) -> None:
        """What `add` does for each, in one pass: a load has fifty gaps a stream."""
        if not values:
            return
        least = min(values)
        if least < 0:
            values, least = [max(value, 0) for value in values], 0
        self.counts.update(
            [(s << BITS) + (value >> s) if (s := value.bit_length() - BITS) > 0 else value for value in values]
        )
        self.sum += sum(values)
        most = max(values)
        self.least = least if self.least is None or least < self.least else self.least
        self.most = most if self.most is None or most > self.most else self.most

    @property
    def count(self) -> int:
        return self.counts.total()

    def merge(self, other: Histogram) -> None:
        self.counts.update(other.counts)
        self.sum += other.sum
        self.least = min((v for v in (self.least, other.least) if v is not None), default=None)
        self.most = max((v for v in (self.most, other.most) if v is not None), default=None)

    def percentile(self, share: float) -> int | None:
        """By nearest rank: `share` percent of the values do not exceed it. None without values."""
        if self.least is None or self.most is None:
            return None
        rank, seen = max(math.ceil(self.count * share / 100), 1), 0
        if rank >= self.count:
            return self.most
        for index in sorted(self.counts):
            seen += self.counts[index]
            if seen >= rank:
                return min(max(middle(index), self.least), self.most)
        return self.most

    def to_json(self) -> dict[str, Any]:
        flat = [number for pair in sorted(self.counts.items()) for number in pair]
        return {"counts": flat, "sum": self.sum, "least": self.least, "most": self.most}

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> Histogram:
        made, flat = Histogram(), row["counts"]
        made.counts = Counter(dict(zip(flat[::2], flat[1::2], strict=True)))
        made.sum, made.least, made.most = row["sum"], row["least"], row["most"]
        return made


def bin_of(value: int) -> int:
    """The number of a value's bin: its leading eleven bits, and how many follow."""
    shift = max(value.bit_length() - BITS, 0)
    return (shift << BITS) + (value >> shift)


def middle(index: int) -> int:
    """The middle of a bin."""
    shift = index >> BITS
    return ((index & _LOW) << shift) + ((1 << shift) >> 1)
