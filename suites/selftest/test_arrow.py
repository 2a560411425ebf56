"""Who may import whom. The mock and the judge share nothing, or the same bug would hide on both sides."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import specs

ROOT = specs.HERE.parent
OURS = {"harness", "mockserver", "specs", "suites", "reports"}
PURE = {"harness.model", "harness.exchange", "harness.sse", "specs"}
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
    inside = {name for name in used if name.split(".")[0] in OURS} - {"harness"}  # `from harness import model`
    assert not {name for name in inside if not _within(name, (f"harness.{folder}", *PURE))}
    assert not used & NO_NETWORK


def test_only_commands_that_show_runs_render_reports() -> None:
    users = {path for path in (ROOT / "harness").rglob("*.py") if {"reports"} & _tops(path)}
    assert not {path for path in users if path.name != "cli.py" and path.parent.name not in {"show", "commands"}}


@pytest.mark.parametrize(
    ("where", "line", "found"),
    [
        ("harness/judge/deep.py", "import mockserver.app as app", "mockserver.app"),
        ("harness/judge/deep.py", "from mockserver import app", "mockserver.app"),
        ("harness/judge/deep.py", "from urllib import request", "urllib.request"),
        ("harness/judge/deep.py", "def late():\n    from http import client", "http.client"),
        ("harness/judge/deep.py", "from . import errors", "harness.judge.errors"),
        ("harness/judge/deep.py", "from .. import wire", "harness.wire"),
        ("harness/judge/deep.py", "from ..wire import ask", "harness.wire"),
        ("harness/judge/__init__.py", "from .errors import LIMIT", "harness.judge.errors"),
        ("harness/judge/deep.py", "from ...mockserver import app", "mockserver.app"),
    ],
)
def test_every_form_of_import_is_seen(tmp_path: Path, where: str, line: str, found: str) -> None:
    path = tmp_path / where
    path.parent.mkdir(parents=True)
    path.write_text(line, encoding="utf-8")
    assert found in set(_imports(path, tmp_path))


def _tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


def _within(name: str, modules: Iterable[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _imports(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Absolute names of what a file imports: of `from a import b` both a and a.b, since b may be a module."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
