"""Findings by their cause: what a thousand generated requests show of one defect is one finding. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.exchange import Exchange
from harness.model import Finding

NAMED = 3  # places that a finding names


@dataclass
class Cause:
    """One cause, with the shortest request that shows it. `message` alone makes the signature."""

    requirement: str
    message: str
    expected: str | None
    observed: str | None
    shown: tuple[Exchange, ...]
    case: object = None  # what the request was made from, for whoever shortens it
    rule: str | None = None  # name of the judge that found it
    places: Counter[str] = field(default_factory=Counter)
    first: str | None = None  # id of the exchange that showed it first

    @property
    def size(self) -> int:
        """Bytes of URLs and bodies of the requests that show it."""
        return sum(len(x.request.body) + len(x.request.url) for x in self.shown)

    def finding(self) -> Finding:
        """As one finding that counts the answers and names a few of the places."""
        seen, times = sorted(self.places), self.places.total()
        places = ", ".join(seen[:NAMED]) + (f" and {len(seen) - NAMED} more" if len(seen) > NAMED else "")
        told = f"{self.observed or ''} (in {times} answer{'' if times == 1 else 's'} of {places})".strip()
        return Finding(self.requirement, self.message, self.expected, told, tuple(x.id for x in self.shown))


class Causes:
    """What was found, by requirement and cause."""

    def __init__(self) -> None:
        self._by: dict[tuple[str, str], Cause] = {}

    def add(
        self,
        requirement: str,
        message: str,
        shown: Iterable[Exchange],
        place: str,
        *,
        expected: str | None = None,
        observed: str | None = None,
        case: object = None,
        rule: str | None = None,
    ) -> None:
        """Note a breach at a place; the message names the cause and holds nothing that varies with the request."""
        made = Cause(requirement, message, expected, observed, tuple(shown), case, rule)
        made.first = made.shown[-1].id if made.shown else None
        known = self._by.get((requirement, message))
        if known is not None:
            made.places, made.first = known.places, known.first
        made.places[place] += 1
        kept = made if known is None or made.size < known.size else known
        self._by[requirement, message] = kept

    def of(self, requirement: str) -> list[Finding]:
        return [cause.finding() for cause in self.all if cause.requirement == requirement]

    @property
    def requirements(self) -> set[str]:
        """Those with a finding."""
        return {requirement for requirement, _ in self._by}

    @property
    def all(self) -> list[Cause]:
        return list(self._by.values())

    def document(self) -> list[dict[str, object]]:
        """Each cause with its signature, how many answers showed it, and the first of them."""
        return [
            {
                "requirement": cause.requirement,
                "signature": cause.finding().signature,
                "answers": cause.places.total(),
                "first": cause.first,
            }
            for cause in self.all
        ]

    def show(self, requirement: str, message: str, shorter: Exchange) -> None:
        """Show a cause that is known by a shorter request."""
        if (cause := self._by.get((requirement, message))) is not None:
            cause.shown = (shorter,)


@dataclass
class Inquiry:
    """How often each requirement was asked about, what was not asked for want of money, and what came to light."""

    asked: Counter[str] = field(default_factory=Counter)  # by requirement
    missed: set[str] = field(default_factory=set)  # requirements
    causes: Causes = field(default_factory=Causes)
