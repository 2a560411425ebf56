"""Resources of a contract, from the links of its OpenAPI document: what is made where, and what can be done with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from specs import Contract

_VERBS = {"get": "read", "patch": "update", "put": "update", "delete": "delete"}
_FROM_ANSWER = "$response.body#"


@dataclass(frozen=True)
class Action:
    """One operation of the document."""

    name: str
    method: str
    path: str  # below the base URL, with its parameters in braces
    examples: tuple[dict[str, Any], ...]  # of its JSON body
    paid: bool


@dataclass(frozen=True)
class Resource:
    """What an operation makes, and the operations that its links lead to."""

    create: Action
    pointer: str  # to the id in the answer that made it
    parameter: str  # by which later paths hold that id
    read: Action | None
    update: Action | None
    delete: Action | None
    listing: Action | None
    inside: tuple[Resource, ...] = ()

    @property
    def above(self) -> str:
        """Pointer to the object that holds the id."""
        return self.pointer.rpartition("/")[0]


def resources(contract: Contract) -> list[Resource]:
    """The resources that are not inside another one; only those that can be read or deleted afterwards."""
    known = {action.name: (action, stated) for action, stated in actions(contract.openapi)}
    made = {name: found for name in known if (found := _resource(name, known)) is not None}
    inner = {one.create.name for found in made.values() for one in found.inside}
    return [found for name, found in made.items() if name not in inner]


def actions(document: Mapping[str, Any]) -> Iterator[tuple[Action, Mapping[str, Any]]]:
    """The operations of a document below the base URL, each with what the document states of it."""
    for path, item in document["paths"].items():
        for method, stated in item.items():
            if not isinstance(stated, dict) or "operationId" not in stated or "servers" in item:
                continue
            content = stated.get("requestBody", {}).get("content", {}).get("application/json", {})
            examples = tuple(each["value"] for each in content.get("examples", {}).values())
            yield Action(stated["operationId"], method, path, examples, "x-paid" in stated), stated


def links_of(stated: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Where the successes of an operation lead: by operation, the parameters of the way."""
    return {
        link["operationId"]: link.get("parameters", {})
        for status, response in stated.get("responses", {}).items()
        if str(status).startswith("2")
        for link in response.get("links", {}).values()
    }


def _resource(name: str, actions: Mapping[str, tuple[Action, Mapping[str, Any]]]) -> Resource | None:
    create, stated = actions[name]
    links = links_of(stated)
    found: dict[str, Action] = {}
    pointer = parameter = None
    for target, given in links.items():
        action = actions[target][0]
        own = [key for key, value in given.items() if str(value).startswith(_FROM_ANSWER)]
        if len(own) == 1 and action.path.endswith(f"{{{own[0]}}}") and action.method in _VERBS:
            found[_VERBS[action.method]] = action
            parameter, pointer = own[0], str(given[own[0]]).removeprefix(_FROM_ANSWER)
    if pointer is None or parameter is None or create.paid or not create.examples:
        return None
    inside = (_resource(target, actions) for target in links if actions[target][0].method == "post")
    listing = next((a for a, _ in actions.values() if a.method == "get" and a.path == create.path), None)
    return Resource(
        create,
        pointer,
        parameter,
        found.get("read"),
        found.get("update"),
        found.get("delete"),
        listing,
        tuple(one for one in inside if one is not None),
    )


def filled(path: str, values: Mapping[str, str]) -> str | None:
    """The path with its parameters; None when one is not known."""
    names = re.findall(r"\{(\w+)\}", path)
    return None if set(names) - values.keys() else re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)
