"""Small bills by hand: requests, what they owe, and the ledger of a gateway that charges right or wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from harness.reconcile import Inputs, reconcile
from harness.reconcile.moments import microseconds, shown

START = microseconds("2026-11-20T12:00:00Z")
SECOND = 1_000_000
PRICES = {  # USD per million tokens
    "org/small": {"prompt": Decimal("0.4625"), "completion": Decimal("1.295"), "cached": Decimal("0.11")},
    "org/large": {"prompt": Decimal("3.7"), "completion": Decimal("11.84"), "cached": Decimal("0.925")},
}
MARKUP = "1.85"


@dataclass(frozen=True)
class Asked:
    """A request of a log, with usage."""

    id: str
    prompt: int = 1000
    completion: int = 200
    cached: int = 0
    reasoning: int = 0
    n: int = 1
    max_tokens: int = 4096
    model: str = "org/small"
    outcome: str = "completed"
    at: int = START
    parts: int = 0  # completion tokens of all running totals added up
    size: int = 0

    def row(self) -> dict[str, Any]:
        return {
            "request_id": self.id,
            "started": shown(self.at),
            "ended": shown(self.at + SECOND),
            "model": self.model,
            "outcome": self.outcome,
            "n": self.n,
            "max_tokens": self.max_tokens,
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "cached_tokens": self.cached,
            "reasoning_tokens": self.reasoning,
            "parts_completion_tokens": self.parts or None,
            "content_bytes": self.size,
        }

    @property
    def exact(self) -> Decimal:
        """Nano-USD, unrounded, reckoned in another way than the engine does it."""
        return worth(self.model, self.prompt, self.completion, self.cached)

    @property
    def due(self) -> int:
        return 0 if self.outcome in {"refused", "failed"} else rounded(self.exact)


def worth(model: str, prompt: Decimal | int, completion: Decimal | int, cached: Decimal | int = 0) -> Decimal:
    price = PRICES[model]
    usd = (prompt - cached) * price["prompt"] + cached * price["cached"] + completion * price["completion"]
    return usd * 1000  # USD per million tokens is 1000 nano-USD a token


def rounded(nano: Decimal, unit: int = 1, mode: str = ROUND_HALF_EVEN) -> int:
    return int((nano / unit).quantize(Decimal(1), mode)) * unit


def charge(asked: Asked, nano: int | None = None, **members: Any) -> dict[str, Any]:
    """A line of the ledger for a request; by default what it owes."""
    return {
        "request_id": asked.id,
        "at": shown(asked.at + SECOND),
        "account": "acct",
        "kind": "charge",
        "nano_usd": asked.due if nano is None else nano,
        "model": asked.model,
        "prompt_tokens": asked.prompt,
        "completion_tokens": asked.completion,
        **members,
    }


def lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    return path


def catalogue(path: Path) -> Path:
    rows = [{"id": name, "pricing": {kind: str(usd) for kind, usd in price.items()}} for name, price in PRICES.items()]
    path.write_text(json.dumps({"object": "list", "data": rows}))
    return path


def held_against(
    folder: Path, asked: Iterable[Asked], ledger: Iterable[Mapping[str, Any]], **given: Any
) -> dict[str, Any]:
    """The reconciliation of these requests with these lines."""
    calls = lines(folder / "calls.jsonl", (request.row() for request in asked))
    entries = lines(folder / "ledger.jsonl", ledger)
    inputs = Inputs(calls, entries, prices=catalogue(folder / "prices.json"), markup=MARKUP)
    return reconcile(replace(inputs, **given))


def adds_up(found: Mapping[str, Any]) -> bool:
    """What every reconciliation has to keep."""
    totals = found["totals"]
    parts = totals["explained_nano"] + totals["unexplained_nano"] + totals["tolerated_nano"]
    by_outcome = sum(row["difference_nano"] for row in found["outcomes"])
    difference = totals["charged_nano"] - totals["due_nano"]
    return bool(difference == totals["difference_nano"] == parts == by_outcome)


Fault = Callable[[Asked], list[dict[str, Any]]]
