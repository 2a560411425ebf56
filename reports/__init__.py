"""Results in, text out. Nothing here imports the rest of the project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from reports import badge, ctrf, html, junit, markdown, sarif, terminal

Renderer = Callable[[Mapping[str, Any]], str]

KINDS: Mapping[str, tuple[Renderer, str]] = MappingProxyType(
    {
        "html": (html.render, "report.html"),
        "junit": (junit.render, "junit.xml"),
        "markdown": (markdown.render, "report.md"),
        "sarif": (sarif.render, "report.sarif"),
        "ctrf": (ctrf.render, "ctrf.json"),
        "badge": (badge.render, "badge.svg"),
        "text": (terminal.render, "report.txt"),
    }
)


def render(results: Mapping[str, Any], kind: str) -> str:
    """The report of one kind. Raises ValueError that names the kinds there are."""
    if kind not in KINDS:
        raise ValueError(f"no report of kind {kind!r}; there are {', '.join(KINDS)}")
    return KINDS[kind][0](results)
