"""What tenants have made, and every call on it: made, read, changed, listed and deleted. It judges nothing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from harness.ask import OMIT, Ask
from harness.exchange import Exchange
from harness.fuzz.links import Action, Resource, filled
from harness.fuzz.secrets import given_away
from harness.sources import pointed


@dataclass
class Thing:
    """One object of a tenant."""

    resource: Resource
    tenant: str
    id: str
    values: dict[str, str]  # parameters of its paths
    body: dict[str, Any]  # members that it should show
    made: Exchange
    seen: list[Any] = field(default_factory=list)  # what its status was while it lived
    gone: bool = False
    above: Thing | None = None

    @property
    def is_gone(self) -> bool:
        """Whether it, or anything that it lies in, was deleted."""
        return self.gone or (self.above is not None and self.above.is_gone)


class Tenants:
    """All things of two tenants, and the calls. Ids are quoted as a path holds them."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.names = ["main", *(["second_tenant"] if "second_tenant" in ask.target.keys else [])]
        self.things: list[Thing] = []
        self._serial = itertools.count(1)

    def others(self, thing: Thing) -> list[str]:
        return [name for name in self.names if name != thing.tenant]

    def body(self, action: Action, serial: int) -> dict[str, Any]:
        """An example of the document with the names of the target, told apart by its texts where it has free ones."""
        given = dict(action.examples[serial % len(action.examples)])
        for name, value in given.items():
            if name in self.ask.target.names:
                given[name] = self.ask.target.names[name]
            elif isinstance(value, str) and (" " in value or name in {"name", "description"}):
                given[name] = f"{value} {serial}"
        return given

    def make(self, resource: Resource, tenant: str, above: Thing | None = None, body: Any = None) -> Thing | None:
        """A new thing; None when it is not made (no room, not allowed), which is no breach by itself."""
        values = {**self.own(tenant), **(above.values if above else {})}
        path = filled(resource.create.path, values)
        if path is None:
            return None
        given = self.body(resource.create, next(self._serial)) if body is None else body
        answer = self.ask.send("POST", path, json=given, key=tenant, secrets=given_away)
        return self.taken(resource, tenant, values, given, answer, above)

    def taken(
        self,
        resource: Resource,
        tenant: str,
        values: Mapping[str, str],
        given: dict[str, Any],
        answer: Exchange,
        above: Thing | None,
    ) -> Thing | None:
        """The thing that an answer tells of."""
        found = pointed(answer.json, resource.pointer) if answer.complete and answer.status < 300 else None
        if not isinstance(found, str | int):
            return None
        known = {**values, resource.parameter: quote(str(found), safe="")}
        thing = Thing(resource, tenant, str(found), known, given, answer, above=above)
        thing.seen.append(status_of(shown(thing, answer)))
        self.things.append(thing)
        return thing

    def own(self, tenant: str) -> dict[str, str]:
        """Path parameters that the target file names: org_id is [names] org, or second_org of the other tenant."""
        names, prefix = self.ask.target.names, "" if tenant == "main" else "second_"
        own = {name.removeprefix(prefix): value for name, value in names.items() if name.startswith(prefix)}
        return {f"{name}_id": value for name, value in own.items()}

    def call(self, action: Action, thing: Thing, tenant: str | None = None, body: Any = OMIT) -> Exchange:
        """Asks an action of a thing as its owner, or as another tenant."""
        path = filled(action.path, thing.values)
        assert path is not None
        key = tenant or thing.tenant
        return self.ask.send(action.method.upper(), path, json=body, key=key, secrets=given_away)

    def list(self, thing: Thing, tenant: str | None = None) -> Exchange | None:
        """The list that the thing should be in, as a tenant sees it."""
        listing = thing.resource.listing
        return None if listing is None else self.call(listing, thing, tenant)

    def clear(self) -> None:
        """Delete what is left, the innermost first."""
        for thing in reversed(self.things):
            if not thing.is_gone and thing.resource.delete is not None:
                self.call(thing.resource.delete, thing)
                thing.gone = True


def shown(thing: Thing, answer: Exchange) -> Any:
    """The object of the thing in an answer of its own operations."""
    return pointed(answer.json, thing.resource.above) if thing.resource.above else answer.json


def status_of(node: Any) -> Any:
    return node.get("status") if isinstance(node, dict) else None


def listed(answer: Exchange) -> dict[str, Any]:
    """The entries of a list by id, wherever the document has its array."""
    document = answer.json
    arrays = [document] if isinstance(document, list) else list(document.values()) if isinstance(document, dict) else []
    rows = [row for array in arrays if isinstance(array, list) for row in array if isinstance(row, dict)]
    return {str(row["id"]): row for row in rows if "id" in row}


def steady(row: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """What a list says of an entry both times; the rest changes by itself."""
    return {name: value for name, value in row.items() if name in later and later[name] == value}
