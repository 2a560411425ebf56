"""The operations of a contract's OpenAPI document, found by method and URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from specs import Contract

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True)
class Operation:
    name: str  # operationId
    method: str
    path: str  # below the host
    documented: tuple[str, ...]  # status codes
    paid: bool  # whether an accepted request costs money

    def pattern(self, parameter: str) -> re.Pattern[str]:
        """The path as an expression in which each parameter is what is given."""
        return re.compile(parameter.join(map(re.escape, _PARAMETER.split(self.path))))


class Operations:
    """All of one contract. Ids of models hold slashes, so a parameter may hold them where nothing else fits."""

    def __init__(self, contract: Contract) -> None:
        self.all = tuple(_operations(contract))
        self._strict = [(one, one.pattern("[^/]+")) for one in sorted(self.all, key=lambda one: one.path.count("{"))]
        self._loose = [(one, one.pattern(".+")) for one in self.all]

    def of(self, method: str, url: str) -> Operation | None:
        """The operation that a request calls; None for another path, and for a URL that nobody can read."""
        try:
            path = urlsplit(url).path
        except ValueError:
            return None
        for one, pattern in (*self._strict, *self._loose):
            if one.method == method and pattern.fullmatch(path):
                return one
        return None


def _operations(contract: Contract) -> Iterator[Operation]:
    for path, item in contract.openapi.get("paths", {}).items():
        base = _base(item) if "servers" in item else contract.trait("base_path")
        for method in METHODS:
            if method in item:
                stated = item[method]
                codes = tuple(str(code) for code in stated.get("responses", {}) if str(code).isdigit())
                name = stated.get("operationId", f"{method} {path}")
                yield Operation(name, method.upper(), base.rstrip("/") + path, codes, "x-paid" in stated)


def _base(item: dict[str, Any]) -> str:
    return str(urlsplit(item["servers"][0]["url"]).path)
