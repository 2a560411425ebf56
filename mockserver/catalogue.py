"""The provider's models as rows that can change while the mock runs. It knows nothing of gates or markups."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from mockserver.call import Price

DATA = Path(__file__).parent / "data" / "models.yaml"


@dataclass(frozen=True, slots=True)
class Row:
    """One model as the provider describes it; prices in USD per million tokens, before markup."""

    id: str
    created: int
    owner: str
    context: int
    output: int
    tags: tuple[str, ...]
    upstream: Price
    confidential: bool
    sibling: str | None
    instances: int  # machines that run it

    @property
    def writes_json(self) -> bool:
        return "json-mode" in self.tags or "structured" in self.tags


class Catalogue:
    """The live rows by id. `reset` brings back the start-up state."""

    def __init__(self) -> None:
        self._initial = _rows_of_data()
        self.rows: dict[str, Row] = {}
        self.reset()

    def reset(self) -> None:
        self.rows = dict(self._initial)

    def get(self, model: str) -> Row | None:
        return self.rows.get(model)

    def instances(self, model: str) -> int:
        """How many machines run a model; one that is not listed has the one that is asked about it."""
        row = self.rows.get(model)
        return row.instances if row else 1

    def change(self, model: str, confidential: bool | None, price: Price | None) -> Row:
        """Replace one row's flag or price. Raises KeyError for a model that the provider does not have."""
        row = self.rows[model]
        if confidential is not None:
            row = replace(row, confidential=confidential)
        if price is not None:
            row = replace(row, upstream=price)
        self.rows[model] = row
        return row


@functools.cache
def _rows_of_data() -> dict[str, Row]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rows = yaml.load(DATA.read_text(), Loader=loader)  # noqa: S506
    return {row["id"]: _row(row) for row in rows}


def _row(data: dict[str, Any]) -> Row:
    return Row(
        id=data["id"],
        created=data["created"],
        owner=data["owner"],
        context=data["context"],
        output=data["output"],
        tags=tuple(data["tags"]),
        upstream=Price(Decimal(data["prompt"]), Decimal(data["completion"])),
        confidential=data.get("tee", True),
        sibling=data.get("sibling"),
        instances=data.get("instances", 1),
    )
