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


@dataclass(frozen=True)
class Breach:
    """One thing that was seen, and the broken requirements it was seen for, worst first."""

    seen: str  # empty where a requirement is broken without a finding
    rows: tuple[Mapping[str, Any], ...]


def breaches(rows: Sequence[Mapping[str, Any]]) -> list[Breach]:
    """Broken requirements folded by what was first found: one check may decide several of them."""
    told: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["outcome"] == "fail":
            first = next((finding["message"] for finding in row["findings"]), "")
            told.setdefault(first or row["id"], []).append(row)
    return [Breach(seen if found[0]["findings"] else "", tuple(found)) for seen, found in told.items()]
