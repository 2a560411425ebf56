"""From groups of requests that are alike to findings: which cause explains most, then which explains most of the rest.

Pure. Every differing request is in exactly one finding or unexplained, so the sums add up to the whole difference.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from harness.reconcile.causes import CAUSES, Cause
from harness.reconcile.conditions import of_mask

EXAMPLES: Final = 3


@dataclass(frozen=True)
class Group:
    """Requests that are consistent with the same causes: how many, by how much nano-USD, and some of them."""

    mask: int
    count: int
    sum: int
    examples: Sequence[Mapping[str, Any]] = ()


@dataclass
class Finding:
    """Requests that one cause explains; `also` are causes that would explain every one of them as well."""

    cause: Cause | None
    count: int = 0
    sum: int = 0
    also: frozenset[str] | None = None
    examples: list[Mapping[str, Any]] = field(default_factory=list)

    def take(self, group: Group) -> None:
        self.count += group.count
        self.sum += group.sum
        others = frozenset(cause.name for cause in of_mask(group.mask) if cause != self.cause)
        self.also = others if self.also is None else self.also & others
        largest = heapq.nlargest(EXAMPLES, [*self.examples, *group.examples], key=_difference)
        self.examples = largest


def ranked(groups: Iterable[Group]) -> tuple[list[Finding], Finding]:
    """Findings, the one that explains most first, and what is left unexplained."""
    left, found = list(groups), []
    while (best := _best(left)) is not None:
        finding = Finding(best)
        for group in left:
            if best in of_mask(group.mask):
                finding.take(group)
        left = [group for group in left if best not in of_mask(group.mask)]
        found.append(finding)
    unexplained = Finding(None)
    for group in left:
        unexplained.take(group)
    return found, unexplained


def _best(groups: Sequence[Group]) -> Cause | None:
    """The most particular kind of cause first, then the one of most requests, then the earlier one."""
    counts: dict[Cause, int] = {}
    for group in groups:
        for cause in of_mask(group.mask):
            counts[cause] = counts.get(cause, 0) + group.count
    return min(counts, key=lambda cause: (cause.rank, -counts[cause], CAUSES.index(cause)), default=None)


def _difference(example: Mapping[str, Any]) -> int:
    return abs(int(example["charged_nano"] or 0) - int(example["due_nano"] or 0))
