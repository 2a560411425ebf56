"""Paths to things that are there: what is wrong in a body is not looked at where the path leads nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from urllib.parse import unquote

from harness.ask import Ask
from harness.fuzz.links import Resource, actions, filled, resources
from harness.fuzz.tenants import Tenants, Thing
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


def _leads_to(contract: Contract, resource: Resource, wanted: Collection[str]) -> bool:
    direct = any(target in wanted for target in targets(contract, resource.create.name))
    return direct or any(_leads_to(contract, inner, wanted) for inner in resource.inside)


def targets(contract: Contract, operation: str) -> Iterator[str]:
    """The operations that the links of one lead to."""
    stated: Mapping[str, object] = next(
        (stated for action, stated in actions(contract.openapi) if action.name == operation), {}
    )
    responses = stated.get("responses")
    for response in responses.values() if isinstance(responses, dict) else ():
        for link in response.get("links", {}).values():
            yield str(link["operationId"])
