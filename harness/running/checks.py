"""Where the checks are, and which requirements they name: read from their source, without importing them."""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path


def _folder() -> Path:
    found = importlib.util.find_spec("suites")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the package `suites` is not installed beside `harness`; install assay-harness again")
    return Path(found.origin).parent


SUITES = _folder()


@functools.cache
def checks_by_requirement() -> Mapping[str, list[str]]:
    """Which checks carry which ids, read from the source of the suites (fast; nothing is imported)."""
    found: dict[str, list[str]] = {}
    for path in sorted(SUITES.rglob("test_*.py")):
        if "selftest" in path.parts:
            continue
        for function, ids in _marked_functions(ast.parse(path.read_text(encoding="utf-8"))):
            for requirement in ids:
                found.setdefault(requirement, []).append(f"{path.relative_to(SUITES.parent)}::{function}")
    return found


def _marked_functions(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, [i for decorator in node.decorator_list for i in _ids_within(decorator)]


def _ids_within(decorator: ast.expr) -> Iterator[str]:
    """Ids in `mark.requirement("X")`, also where it stands inside `parametrize(..., marks=...)`."""
    for node in ast.walk(decorator):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))
