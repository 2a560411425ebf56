"""Causes as one expression: which of them a request is consistent with, given what else is known of the bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from string import Template
from typing import Final

from harness.reconcile.causes import CAUSES, Cause
from harness.reconcile.columns import literal
from harness.reconcile.moments import Window
from harness.reconcile.prices import Listed

MOST_PRICES: Final = 64  # a longer catalogue is not tried price by price
QUARTER: Final = 900_000_000  # microseconds: time zones differ by quarters of an hour
_ONE_CHOICE = (  # the charge leaves a whole number of completion tokens that one of n choices can have
    "net > 0 AND abs(net - nano(worth(p, $x, k, pp, cp, kp))) = 0 AND $x BETWEEN 1 AND least(c - n + 1, coalesce(m, c))"
)
_ONE_TOKENS = "divided(greatest(net * 1000000000::HUGEINT - worth(p, 0, k, pp, cp, kp), 0), cp)"


@dataclass(frozen=True)
class Context:
    """What conditions may need beyond the request itself."""

    prices: Sequence[Listed] = ()
    markup: str | None = None
    refunds: bool = False  # whether the ledger refunds anything at all
    window: Window | None = None
    first_known: int | None = None  # when the first and the last call started that the ledger knows
    last_known: int | None = None

    def names(self) -> dict[str, str]:
        """The text that stands for each $name."""
        over, under = Fraction(self.markup or 1).as_integer_ratio()
        return {
            "refunds": str(self.refunds).upper(),
            "markup_over": f"{over}::HUGEINT",
            "markup_under": f"{under}::HUGEINT",
            "one_choice": Template(_ONE_CHOICE).substitute(x=_ONE_TOKENS),
            "other_times": self._priced("="),
            "other_models": self._priced("<>"),
            "outside": self._outside(),
        }

    def _priced(self, relation: str) -> str:
        if len(self.prices) > MOST_PRICES:
            return "FALSE"
        rows = {
            (row.model if relation == "=" else "", row.prompt, row.completion, row.cached): row for row in self.prices
        }
        return " OR ".join(f"({_at(row, relation)})" for row in rows.values()) or "FALSE"

    def _outside(self) -> str:
        """Calls at an edge of the window that are all missing, up to a full quarter of an hour."""
        if self.window is None or self.first_known is None or self.last_known is None:
            return "FALSE"
        since, until = self.window.since, self.window.until
        before = since + (self.first_known - since) // QUARTER * QUARTER
        after = until - (until - 1 - self.last_known) // QUARTER * QUARTER
        return f"(started < {before} OR started >= {after})"


def _at(row: Listed, relation: str) -> str:
    cached = "NULL::HUGEINT" if row.cached is None else f"{row.cached}::HUGEINT"
    price = f"{row.prompt}::HUGEINT, {row.completion}::HUGEINT, {cached}"
    return f"model {relation} {literal(row.model)} AND net = nano(worth(p, c, k, {price}))"


def mask(context: Context) -> str:
    """SQL for a number whose bit i says that the request is consistent with cause i."""
    names = context.names()
    bits = (
        f"CASE WHEN {_where(cause, names)} THEN {1 << bit}::BIGINT ELSE 0::BIGINT END"
        for bit, cause in enumerate(CAUSES)
    )
    return "(" + " | ".join(bits) + ")"


def _where(cause: Cause, names: Mapping[str, str]) -> str:
    states = ", ".join(map(literal, cause.on))
    return f"state IN ({states}) AND ({Template(cause.when).substitute(names)})"


def of_mask(bits: int) -> Iterator[Cause]:
    """The causes of a mask, in their order."""
    return (cause for bit, cause in enumerate(CAUSES) if bits >> bit & 1)
