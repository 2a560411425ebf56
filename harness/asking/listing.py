"""The target's own list of models: what it names, prices and bounds, asked for once and only when it is needed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.asking.sources import amount
from harness.judge.catalogue import chats
from harness.model import NotObserved
from harness.target import Target
from harness.wire.budget import Price
from harness.wire.exchange import Exchange, TargetFault
from harness.wire.pointer import pointed
from specs import Contract

NAMING = "a target file can name a model by [model] default"
CATALOGUE_TRIES = 3  # a target that cannot list its models is not asked again for every check


class Listing:
    """The models of a target under a contract; `fetch` asks for GET /models."""

    def __init__(self, contract: Contract, target: Target, fetch: Callable[[], Exchange]) -> None:
        self.contract, self.target, self._fetch = contract, target, fetch
        self._lock = threading.RLock()
        self._priceless = False  # the list was asked for prices in vain: requests are priced by the assumption
        self._failures: list[str] = []  # why the list could not be read, a line a try

    @functools.cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of GET /models, asked for until it is answered once. Raises TargetFault, NotObserved."""
        if not self.contract.trait("catalogue.listed", True):
            return self._named()
        with self._lock:
            if len(self._failures) == CATALOGUE_TRIES:
                raise TargetFault(self._failures[-1])
            answer: Exchange | None = None
            try:
                answer = self._fetch()
                return _usable(answer)
            except TargetFault as fault:
                is_silent = answer is not None and answer.head_status is None
                hint = "is it running, and the address right?" if is_silent else NAMING
                self._failures.append(f"no model list: {fault} ({hint})")
                raise TargetFault(self._failures[-1], fault.exchange) from fault

    def _named(self) -> list[dict[str, Any]]:
        """Where no operation lists models: the one that the target file names."""
        if self.target.default_model is None:
            raise TargetFault(f"{self.contract.name} lists no models: name one in the target file, as [model] default")
        return [{"id": self.target.default_model}]

    @functools.cached_property
    def default(self) -> str:
        """The model of the target file, or the cheapest row that chats. Raises TargetFault, NotObserved."""
        if self.target.default_model is not None:
            return self.target.default_model
        priced = [(sum(price), row["id"]) for row in self.chatting if (price := self._price_in(row)) is not None]
        return str(min(priced)[1]) if priced else str(self.chatting[0]["id"])

    @property
    def chosen(self) -> str | None:
        """The default model if it is known by now; asks nobody."""
        found = self.__dict__.get("default", self.target.default_model)
        return str(found) if found is not None else None

    @property
    def chatting(self) -> list[dict[str, Any]]:
        """The rows that chat, as far as they tell; all of them where none seems to."""
        return [row for row in self.rows if chats(row)] or self.rows

    def price(self, model: str) -> Price | None:
        """USD per million prompt and completion tokens as the list has them; of an unlisted model the dearest.

        None when no price is listed.
        """
        prices = [price for row in self._rows_for(model) if (price := self._price_in(row)) is not None]
        return (max(p for p, _ in prices), max(c for _, c in prices)) if prices else None

    def context(self, model: str) -> int | None:
        """Tokens that the model's context holds as the list has it; of an unlisted model the longest."""
        place = self.contract.trait("catalogue.context", None)
        found = [pointed(row, place) for row in self._rows_for(model)] if place is not None else []
        lengths = [value for value in found if isinstance(value, int) and not isinstance(value, bool) and value > 0]
        return max(lengths, default=None) if len(lengths) == len(found) else None

    def _rows_for(self, model: str) -> list[dict[str, Any]]:
        """The model's own rows, or all of them where it is not listed; none when the target lists nothing."""
        known = self._known
        return [row for row in known if row["id"] == model] or known

    @property
    def _known(self) -> list[dict[str, Any]]:
        """The list as far as it is known or prices need it; empty when the target has none."""
        known: list[dict[str, Any]] = self.__dict__.get("rows", [])
        if known or self._priceless or self.contract.trait("catalogue.price", None) is None:
            return known
        try:
            return self.rows
        except (TargetFault, NotObserved):
            self._priceless = True
            return []

    def _price_in(self, row: Mapping[str, Any]) -> Price | None:
        place = self.contract.trait("catalogue.price", None)
        if place is None:
            return None
        found = [pointed(row, place[name]) for name in ("prompt", "completion")]
        prompt, completion = (None if isinstance(value, str) else amount(value) for value in found)
        return None if prompt is None or completion is None or min(prompt, completion) < 0 else (prompt, completion)


def _usable(found: Exchange) -> list[dict[str, Any]]:
    if found.status != 200:
        raise TargetFault(f"GET /models answered {found.status}", found.id)
    if found.fault is not None:
        raise TargetFault(f"GET /models: {found.fault.message}", found.id)
    document = found.json
    rows = document.get("data") if isinstance(document, dict) else None
    listed = rows if isinstance(rows, list) else []
    if not (usable := [row for row in listed if isinstance(row, dict) and isinstance(row.get("id"), str)]):
        raise NotObserved("the catalogue has no models")
    return usable
