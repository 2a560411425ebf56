"""Versions of results.json: an older file is brought up to ours step by step, a newer one is refused. Pure.

The rule: a minor version adds members only, and has one step that says what they are in a file that knows nothing of
them (null, never a guess). A major version may take away or change meaning; its step exists or the file is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

CURRENT = "1.1"


class OtherVersion(ValueError):
    """A version that this tool cannot read; the message says what to do."""


def _from_1_0(document: dict[str, Any]) -> None:
    """1.1 says where requirements and operations stand, what an exchange called, which statuses no document has."""
    for row in document.get("requirements", ()):
        row.setdefault("at", None)
    for excerpt in document.get("exchanges", {}).values():
        excerpt.setdefault("operation", None)
    for operation in document.get("coverage", {}).get("operations", ()):
        operation |= {"line": operation.get("line"), "undocumented": operation.get("undocumented")}


STEPS: Mapping[str, tuple[str, Callable[[dict[str, Any]], None]]] = {"1.0": ("1.1", _from_1_0)}


def current(document: Any) -> Any:
    """The same results in the current version; what is no results document at all stays for the schema to refuse."""
    if not isinstance(document, dict) or not isinstance(version := document.get("schema_version"), str):
        return document
    if version != CURRENT and version not in STEPS:
        raise OtherVersion(
            f"{version[:40]!r} is not known here, which reads up to {CURRENT}: use the assay that wrote it"
        )
    made = copy.deepcopy(document) if version != CURRENT else document
    while made["schema_version"] != CURRENT:
        made["schema_version"], step = STEPS[made["schema_version"]]
        try:
            step(made)
        except (AttributeError, TypeError):  # not the shape its version promises: the schema says where
            made["schema_version"] = CURRENT
    return made
