"""Paths to things that are there: what is wrong in a body is not looked at where the path leads nowhere."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from urllib.parse import unquote

from harness.asking.ask import Ask
from harness.fuzz.links import Resource, actions, filled, links_of, resources
from harness.fuzz.tenants import Tenants, Thing
from harness.wire.budget import BudgetExceeded
from specs import Contract


class Things:
    """Path parameters by operation, each from a thing that was made for it; `clear` deletes them."""

    def __init__(self, ask: Ask, wanted: Collection[str]) -> None:
        """`wanted`: operations that a path is looked for. Makes nothing where no laboratory is at hand."""
        self.tenants = Tenants(ask)
        self.values: dict[str, dict[str, str]] = {}
        if ask.target.control is None:
            return
        self._own(ask, wanted)
        for resource in resources(ask.contract):
            self._make(ask.contract, resource, wanted)
        with contextlib.suppress(BudgetExceeded):
            self._said(ask, wanted)

    def clear(self) -> None:
        self.tenants.clear()

    def _own(self, ask: Ask, wanted: Collection[str]) -> None:
        """What the target file names needs no thing to be made."""
        own = self.tenants.own("main")
        for action, _ in actions(ask.contract.openapi):
            if action.name in wanted and "{" in action.path and filled(action.path, own) is not None:
                self.values[action.name] = own

    def _make(
        self, contract: Contract, resource: Resource, wanted: Collection[str], above: Thing | None = None
    ) -> None:
        if not _leads_to(contract, resource, wanted):
            return
        thing = self.tenants.make(resource, "main", above)
        if thing is None:
            return
        for target in targets(contract, resource.create.name):
            if target in wanted:
                self.values[target] = {name: unquote(value) for name, value in thing.values.items()}
        for inner in resource.inside:
            self._make(contract, inner, wanted, thing)

    def _said(self, ask: Ask, wanted: Collection[str]) -> None:
        """A chat that is kept under its id: one that is as short as can be."""
        for _, stated in actions(ask.contract.openapi):
            led = {
                target: given
                for target, given in links_of(stated).items()
                if target in wanted and target not in self.values
            }
            if stated.get("x-paid") != "chat" or not led:
                continue
            answer = ask.chat(max_tokens=1)
            name = answer.json.get("id") if answer.complete and isinstance(answer.json, dict) else None
            for target, given in led.items():
                if isinstance(name, str) and set(given.values()) == {"$response.body#/id"}:
                    self.values[target] = dict.fromkeys(given, name)


def _leads_to(contract: Contract, resource: Resource, wanted: Collection[str]) -> bool:
    direct = any(target in wanted for target in targets(contract, resource.create.name))
    return direct or any(_leads_to(contract, inner, wanted) for inner in resource.inside)


def targets(contract: Contract, operation: str) -> Iterator[str]:
    """The operations that the links of one lead to."""
    for action, stated in actions(contract.openapi):
        if action.name == operation:
            yield from links_of(stated)
