"""What was listed, and when: whole numbers of atto-USD a token, which is the pico-USD per million of a catalogue.

Nothing is rounded here. A price that is no whole number of atto-USD, or that no arithmetic bears, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from harness.judge.catalogue import at
from harness.reconcile.fault import BadInput
from specs import Contract

ATTO: Final = Decimal(10) ** 18
UNITS: Final[Mapping[str, int]] = {"million": 1_000_000, "thousand": 1_000, "token": 1}
MOST: Final = 10**17  # atto-USD a token: a hundred thousand USD per million tokens
ALWAYS: Final = (-(2**62), 2**62)  # microseconds; a first catalogue also holds for what came before it was read
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "prompt": ("/pricing/prompt", "/prompt"),
    "completion": ("/pricing/completion", "/completion"),
    "cached": ("/pricing/input_cache_read", "/pricing/cached", "/cached"),
}


@dataclass(frozen=True)
class Listed:
    """The price of a model from one moment up to another."""

    model: str
    prompt: int
    completion: int
    cached: int | None
    since: int
    until: int


@dataclass(frozen=True)
class Reading:
    """Where a catalogue says its prices, and of how many tokens they are."""

    unit: str = "million"
    places: Mapping[str, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, contract: Contract | None, unit: str | None) -> Reading:
        """As the contract states it; the unit can be given."""
        stated = contract.trait("catalogue.price", None) if contract else None
        if not stated:
            return cls(unit or "million")
        own = {kind: (stated[kind],) for kind in ("prompt", "completion")}
        return cls(unit or "million", {**PLACES, **own})

    def price(self, row: Mapping[str, Any], model: str) -> Listed | None:
        """The price in a row, None where it lists none. Raises BadInput for one that cannot be reckoned with."""
        places = self.places or PLACES
        found = {kind: self._atto(row, places[kind], f"{model}: {kind}") for kind in places}
        if (prompt := found["prompt"]) is None or (completion := found["completion"]) is None:
            return None
        return Listed(model, prompt, completion, found["cached"], *ALWAYS)

    def _atto(self, row: Mapping[str, Any], pointers: tuple[str, ...], named: str) -> int | None:
        given = next((value for pointer in pointers if (value := at(row, pointer)) is not None), None)
        if given is None:
            return None
        try:
            if isinstance(given, bool | float):
                raise InvalidOperation
            exact = Decimal(given) * ATTO / UNITS[self.unit]
            if not 0 <= exact <= MOST or exact != int(exact):
                raise InvalidOperation
        except (ArithmeticError, ValueError, TypeError) as error:
            expected = f"a price in USD per {self.unit} tokens, not negative, of at most 12 places per million"
            raise BadInput(f"{named}: expected {expected}; got {str(given)[:60]!r}") from error
        return int(exact)


def read(path: Path, reading: Reading) -> list[Listed]:
    """The prices of a catalogue file: an answer of /v1/models, or an object of prices by model. Raises BadInput."""
    try:
        document = json.loads(path.read_bytes(), parse_float=Decimal)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; expected a catalogue with prices") from error
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise BadInput(f"{path}: not JSON: {str(error)[:120]}; expected a catalogue with prices") from error
    try:
        found = [price for model, row in _rows(document) if (price := reading.price(row, model))]
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    if not found:
        raise BadInput(f"{path}: no prices; expected data[].id with pricing.prompt and pricing.completion")
    return list({price.model: price for price in found}.values())


def _rows(document: Any) -> list[tuple[str, Mapping[str, Any]]]:
    if isinstance(document, dict) and not isinstance(document.get("data"), list):
        return [(model, row) for model, row in document.items() if isinstance(row, dict)]
    rows = document.get("data") if isinstance(document, dict) else document
    listed = rows if isinstance(rows, list) else []
    return [(row["id"], row) for row in listed if isinstance(row, dict) and isinstance(row.get("id"), str)]


def history(answers: Iterable[tuple[int, list[Mapping[str, Any]]]], reading: Reading) -> list[Listed]:
    """Prices with the time in which they held, from the catalogues that a run read; a price stays until it differs."""
    made: dict[str, list[Listed]] = {}
    for moment, rows in sorted(answers, key=lambda answer: answer[0]):
        for row in rows:
            model = row.get("id")
            price = reading.price(row, model) if isinstance(model, str) else None
            if price is not None:
                _append(made.setdefault(price.model, []), price, moment)
    return [price for rows in made.values() for price in rows]


def _append(known: list[Listed], price: Listed, moment: int) -> None:
    if not known:
        known.append(price)
    elif replace(price, since=known[-1].since) != known[-1]:
        known[-1] = replace(known[-1], until=moment)
        known.append(replace(price, since=moment))
