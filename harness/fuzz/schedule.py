"""Which case comes next: every operation a few times, then those whose answers still tell something new."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.fuzz.cases import Batch

LEAST = 8  # cases of an operation in a mode that are asked though time is out: none at all would observe nothing
_DEAR = 0.05  # worth of an answer that costs money beside a free one that tells as much
_KEEP = 0.9  # of what was learned of a batch, with each further answer: what is new wears off


@dataclass
class Lane:
    """One batch, how far it has been asked, and how much its last answers told."""

    batch: Batch
    asked: int = 0
    gain: float = 1.0
    closed: bool = False
    paid: int = 0  # answers that cost money

    @property
    def name(self) -> str:
        return f"{self.batch.operation} {self.batch.mode.value}"

    @property
    def left(self) -> bool:
        """Whether there is a case that may still be asked; a batch that pays has at most so many."""
        enough = self.batch.most is not None and self.paid >= self.batch.most
        return not self.closed and not enough and self.asked < len(self.batch.cases)

    def worth(self, total: int) -> float:
        """Upper confidence bound of what its next answer tells."""
        bound = self.gain + math.sqrt(math.log(total + 1) / (self.asked + 1))
        return bound * _DEAR if self.batch.pays else bound


class Schedule:
    """A black box shows no line coverage: the novelty of answers steers instead. Deterministic for equal answers."""

    def __init__(self, batches: Sequence[Batch], positions: Mapping[str, int] | None = None) -> None:
        self.lanes = [
            Lane(batch, (positions or {}).get(f"{batch.operation} {batch.mode.value}", 0)) for batch in batches
        ]
        self._started = {id(lane): lane.asked for lane in self.lanes}
        self.total = 0

    def first(self) -> Iterator[tuple[Lane, Any]]:
        """A few cases of every batch that is free, whatever the time."""
        return self._few(lane for lane in self.lanes if not lane.batch.pays)

    def last(self) -> Iterator[tuple[Lane, Any]]:
        """A few of those that cost money, where time was out before their turn."""
        return self._few(lane for lane in self.lanes if lane.batch.pays)

    def _few(self, lanes: Iterable[Lane]) -> Iterator[tuple[Lane, Any]]:
        for lane in lanes:
            while lane.left and lane.asked - self._started[id(lane)] < LEAST:
                yield self._next(lane)

    def rest(self, *, free: bool = False) -> Iterator[tuple[Lane, Any]]:
        """All others, or those that are `free`, the most telling batch first."""
        while left := [lane for lane in self.lanes if lane.left and not (free and lane.batch.pays)]:
            yield self._next(max(left, key=lambda lane: lane.worth(self.total)))

    def learned(self, lane: Lane, *, new: bool) -> None:
        """Notes whether its last answer was of a new kind; recent answers weigh more."""
        lane.gain = lane.gain * _KEEP + new * (1 - _KEEP)

    def positions(self) -> dict[str, int]:
        """How many cases of each batch were asked, by its name."""
        return {lane.name: lane.asked for lane in self.lanes}

    def _next(self, lane: Lane) -> tuple[Lane, Any]:
        case = lane.batch.cases[lane.asked]
        lane.asked += 1
        self.total += 1
        return lane, case
