"""Who may import whom. The mock and the judge share nothing, or the same bug would hide on both sides."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import specs

ROOT = specs.HERE.parent
OURS = {"harness", "mockserver", "specs", "suites", "reports"}
PURE = {"harness.model", "harness.wire.exchange", "harness.wire.sse", "specs"}
ALLOWED = {
    "specs": set(),
    "mockserver": {"specs"},
    "reports": set(),
    "harness": {"specs", "reports"},
    "suites": {"specs", "harness"},
    "suites/selftest": OURS,
}
NO_NETWORK = {"httpx", "httpcore", "requests", "socket", "urllib.request", "http.client", "time", "pytest"}


@pytest.mark.parametrize("path", sorted(p for top in OURS for p in (ROOT / top).rglob("*.py")), ids=str)
def test_imports_follow_the_arrow(path: Path) -> None:
    relative = path.relative_to(ROOT)
    part = "suites/selftest" if relative.parts[:2] == ("suites", "selftest") else relative.parts[0]
    foreign = {name for name in _imports(path) if name.split(".")[0] in OURS - {relative.parts[0]} - ALLOWED[part]}
    assert not foreign


@pytest.mark.parametrize("folder", ["judge", "attest"])
def test_judges_are_pure(folder: str) -> None:
    used = {name for path in (ROOT / "harness" / folder).rglob("*.py") for name in _imports(path)}
    inside = {name for name in used if name.split(".")[0] in OURS}
    allowed = (f"harness.{folder}", *PURE)
    assert not {name for name in inside if not name.startswith(allowed)}
    assert not used & NO_NETWORK


def test_only_commands_that_show_runs_render_reports() -> None:
    users = {path for path in (ROOT / "harness").rglob("*.py") if {"reports"} & _tops(path)}
    assert not {path for path in users if path.name != "cli.py" and path.parent.name not in {"show", "commands"}}


def _tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" if node.module in OURS else node.module for alias in node.names)
