"""Which service answers a path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mockserver.services.service import Route

_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")


class Match(NamedTuple):
    """The routes of one path by method, and its parameters, decoded."""

    routes: Mapping[str, Route]
    params: Mapping[str, str]


class Router:
    """Paths as a contract's services declare them; of several patterns that fit, the one declared first."""

    def __init__(self, base_path: str, routes: Iterable[Route]) -> None:
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, Route]]] = {}
        for route in routes:
            path = route.path if route.rooted else base_path + route.path
            self._patterns.setdefault(path, (_compiled(path), {}))[1][route.method] = route

    def match(self, path: str) -> Match | None:
        for pattern, routes in self._patterns.values():
            if found := pattern.fullmatch(path):
                return Match(routes, found.groupdict())
        return None


def _compiled(path: str) -> re.Pattern[str]:
    """`{id}` is at least one character and no slash: a slash that came encoded is one, and leads nowhere."""
    pieces, at = [], 0
    for found in _PARAMETER.finditer(path):
        kind = ".+" if found[2] else "[^/]+"
        pieces += [re.escape(path[at : found.start()]), f"(?P<{found[1]}>{kind})"]
        at = found.end()
    return re.compile("".join([*pieces, re.escape(path[at:])]), re.DOTALL)
