"""Which operations and which status codes of a contract's OpenAPI document a run has seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from harness.exchange import Exchange
from specs import Contract

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass
class Operation:
    """One operation, with how often each status answered it."""

    name: str
    method: str
    path: str  # below the host
    documented: tuple[str, ...]  # status codes
    pattern: re.Pattern[str]
    seen: Counter[str] = field(default_factory=Counter)


class Coverage:
    """Counts answers by operation. Exchanges of other paths (a control API, an unknown path) are not counted."""

    def __init__(self, contract: Contract) -> None:
        # Paths without parameters first: /models/latest is not the model of that name. Of others the longer one: the
        # last parameter of a path takes what follows it for its own.
        self.operations = sorted(_operations(contract), key=lambda one: (one.path.count("{"), -len(one.path)))

    def note(self, x: Exchange) -> None:
        if x.head_status is None:
            return
        try:
            path = urlsplit(x.request.url).path
        except ValueError:
            return
        for operation in self.operations:
            if operation.method == x.request.method and operation.pattern.fullmatch(path):
                operation.seen[str(x.head_status)] += 1
                return

    def document(self) -> dict[str, Any]:
        """`coverage` of results.json."""
        operations = sorted(self.operations, key=lambda one: (one.path, one.method))
        return {
            "operations": [
                {
                    "operation": one.name,
                    "method": one.method,
                    "path": one.path,
                    "calls": one.seen.total(),
                    "statuses": dict(sorted(one.seen.items())),
                    "unseen": [status for status in one.documented if not one.seen[status]],
                }
                for one in operations
            ],
            "reached": sum(bool(one.seen) for one in operations),
            "of": len(operations),
            "statuses_seen": sum(one.seen[status] > 0 for one in operations for status in one.documented),
            "statuses_documented": sum(len(one.documented) for one in operations),
        }


def _operations(contract: Contract) -> Iterator[Operation]:
    for path, item in contract.openapi.get("paths", {}).items():
        base = _base(item) if "servers" in item else contract.trait("base_path")
        for method in METHODS:
            if method in item:
                stated = item[method]
                whole = base.rstrip("/") + path
                codes = tuple(str(code) for code in stated.get("responses", {}) if str(code).isdigit())
                name = stated.get("operationId", f"{method} {path}")
                yield Operation(name, method.upper(), whole, codes, _pattern(whole))


def _base(item: dict[str, Any]) -> str:
    return str(urlsplit(item["servers"][0]["url"]).path)


def _pattern(path: str) -> re.Pattern[str]:
    """A parameter is anything: ids of models hold slashes."""
    pieces = _PARAMETER.split(path)
    last = len(pieces) - 2 if path.endswith("}") else None
    made = "".join(
        re.escape(piece) + ("" if n == len(pieces) - 1 else ".+" if n == last else "[^/]+")
        for n, piece in enumerate(pieces)
    )
    return re.compile(made)
