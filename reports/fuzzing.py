"""Operations by status code: what the document names, and how often it was seen. It fills no gap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Counts = Mapping[str, Mapping[str, int]]  # operation -> status -> answers


@dataclass(frozen=True)
class Cell:
    """`state`: seen, unseen (documented and never seen), undocumented (seen and not documented) or none."""

    count: int
    state: str


@dataclass(frozen=True)
class Matrix:
    statuses: tuple[str, ...]
    rows: tuple[tuple[Mapping[str, Any], tuple[Cell, ...]], ...]  # an operation, and a cell for each status

    def cells(self, state: str) -> int:
        return sum(cell.state == state for _, cells in self.rows for cell in cells)


def matrix(results: Mapping[str, Any], counts: Counts | None = None) -> Matrix | None:
    """Of the whole run, or of the answers in `counts`. None in a file that says nothing of operations."""
    operations = (results.get("coverage") or {}).get("operations") or ()
    if not operations:
        return None
    seen = {row["operation"]: row["statuses"] for row in operations} if counts is None else counts
    documented = {row["operation"]: {*row["statuses"], *row["unseen"]} - _undocumented(row) for row in operations}
    columns = {status for codes in documented.values() for status in codes}
    columns |= {status for each in seen.values() for status in each}
    statuses = tuple(sorted(columns))
    rows = (
        (
            row,
            tuple(_cell(seen.get(row["operation"], {}).get(s, 0), s in documented[row["operation"]]) for s in statuses),
        )
        for row in operations
    )
    return Matrix(statuses, tuple(rows))


def _undocumented(row: Mapping[str, Any]) -> set[str]:
    """Statuses that were seen of an operation and are not in the document, where the file says so."""
    return set(row.get("undocumented") or ())


def _cell(count: int, documented: bool) -> Cell:
    if documented:
        return Cell(count, "seen" if count else "unseen")
    return Cell(count, "undocumented" if count else "none")


def answers(fuzz: Mapping[str, Any]) -> Counts:
    """How often each status answered each operation, of either form that files hold."""
    counts: dict[str, dict[str, int]] = {}
    for row in fuzz.get("answers") or (fuzz.get("reach") or {}).get("answers") or ():
        of = counts.setdefault(str(row["operation"]), {})
        of[str(row["status"])] = of.get(str(row["status"]), 0) + int(row["answers"])
    return counts or {name: dict(found) for name, found in (fuzz.get("statuses") or {}).items()}


def cases(fuzz: Mapping[str, Any]) -> dict[str, int]:
    """Cases by mode (valid, invalid or whatever the file names), summed over operations."""
    made: dict[str, int] = {}
    found = fuzz.get("cases")
    for name, count in found.items() if isinstance(found, Mapping) else ():
        mode = str(name).rsplit(" ", 1)[-1]
        made[mode] = made.get(mode, 0) + int(count)
    return made


def failures(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """What generated requests found: one entry for each signature, with the requirement that it breaks."""
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for row in rows:
        for finding in row["findings"]:
            if "/fuzz/" in (finding.get("check") or ""):
                found.setdefault(finding["signature"], (row["id"], finding))
    return list(found.values())
