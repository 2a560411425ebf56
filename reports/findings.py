"""Findings of one requirement folded by signature, so that a breach seen a thousand times is one entry with a count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Group:
    """Findings that differ only in numbers and ids: the first stands for all."""

    first: Mapping[str, Any]
    times: int


def grouped(findings: Sequence[Mapping[str, Any]]) -> list[Group]:
    """In order of first appearance; findings without a signature stay single."""
    groups: dict[object, list[Mapping[str, Any]]] = {}
    for number, finding in enumerate(findings):
        groups.setdefault(finding.get("signature") or number, []).append(finding)
    return [Group(first=members[0], times=len(members)) for members in groups.values()]


def reproduce(finding: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines that show the breach again: the harness's own first, then the saved run, then curl."""
    lines = finding.get("reproduce") or {}
    return [(kind, str(lines[kind])) for kind in ("assay", "replay", "curl") if lines.get(kind)]
