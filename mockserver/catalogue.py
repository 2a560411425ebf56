"""The provider's models as rows that can change while the mock runs. It knows nothing of gates or markups."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from mockserver.call import Price

DATA = Path(__file__).parent / "data"


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
    kind: str = "chat"  # chat, completion, embedding, image, video or speech
    dimension: int | None = None  # of the vectors of an embedding model
    tiers: Mapping[str, Price] = field(default_factory=dict)  # prices of a model that is served in several ways
    shown: Mapping[str, Any] = field(default_factory=dict)  # members of its row that only this contract has
    default: bool = False  # the one that a target file names

    @property
    def writes_json(self) -> bool:
        return "json-mode" in self.tags or "structured" in self.tags


class Catalogue:
    """The live rows by id. `reset` brings back the start-up state."""

    def __init__(self, contract: str = "") -> None:
        self._initial = _rows_of_data(contract)
        self.rows: dict[str, Row] = {}
        self.reset()

    def reset(self) -> None:
        self.rows = dict(self._initial)
        self._told: dict[str, Any] = {}

    @property
    def default(self) -> str:
        """Id of the model that a target file names: the marked one, or the first that chats."""
        rows = list(self.rows.values())
        return next((row.id for row in rows if row.default), next(row.id for row in rows if row.kind == "chat"))

    def get(self, model: str) -> Row | None:
        return self.rows.get(model)

    def instances(self, model: str) -> int:
        """How many machines run a model; one that is not listed has the one that is asked about it."""
        row = self.rows.get(model)
        return row.instances if row else 1

    def serve_only(self, models: Sequence[str]) -> None:
        """From now on, and after a reset, these ids and no other; an unknown one is described as the first row is."""
        described = next(iter(self._initial.values()))
        self._initial = {
            model: self._initial.get(model, replace(described, id=model, sibling=None)) for model in models
        }
        self.reset()

    def follow(self, listed: Iterable[Mapping[str, Any]]) -> None:
        """Take over what a provider's list says where it says something else than the last time.

        So a flag or a price that the control API has set stays until the provider changes its mind. A model without a
        price that anybody knows is left out: nothing could be charged for it.
        """
        told = {str(row["id"]): dict(row) for row in listed if isinstance(row.get("id"), str)}
        for model in self.rows.keys() - told.keys():
            del self.rows[model]
        for model, row in told.items():
            known = self.rows.get(model) or self._initial.get(model)
            if self._told.get(model) != row and (followed := _followed(row, known)) is not None:
                self.rows[model] = followed
        self._told = told

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
def _rows_of_data(contract: str) -> dict[str, Row]:
    """The contract's own models, or those that every contract has."""
    own = DATA / f"{contract}.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rows = yaml.load((own if own.is_file() else DATA / "models.yaml").read_text(), Loader=loader)  # noqa: S506
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
        kind=data.get("kind", "chat"),
        dimension=data.get("dimension"),
        tiers={name: Price(*map(Decimal, prices)) for name, prices in data.get("tiers", {}).items()},
        shown=data.get("shown", {}),
        default=data.get("default", False),
    )


def _followed(told: Mapping[str, Any], known: Row | None) -> Row | None:
    """A row as a provider tells it; what it does not tell stays as it was known."""
    price = _price(told.get("pricing")) or (known.upstream if known else None)
    if price is None:
        return None
    tags = told.get("supported_features")
    base = known or Row(str(told["id"]), 0, "", 131_072, 32_768, (), price, False, None, 1)
    return replace(
        base,
        upstream=price,
        confidential=told.get("confidential_compute") is True,
        created=_count(told.get("created"), base.created),
        owner=str(told.get("owned_by", base.owner)),
        context=_count(told.get("context_length"), base.context),
        output=_count(told.get("max_output_length"), base.output),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else base.tags,
    )


def _price(told: Any) -> Price | None:
    """USD per million tokens; None for anything that is not two amounts."""
    given = [told.get(part) for part in Price._fields] if isinstance(told, dict) else []
    amounts = [Decimal(value) for value in given if isinstance(value, int | Decimal) and not isinstance(value, bool)]
    readable = len(amounts) == len(Price._fields) and all(amount.is_finite() and amount >= 0 for amount in amounts)
    return Price(*amounts) if readable else None


def _count(value: Any, otherwise: int) -> int:
    return value if type(value) is int and value >= 0 else otherwise
