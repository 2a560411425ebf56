"""What changes between two contracts: traits, requirements and operations. It asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from specs import Contract, Requirement

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
STATED = ("level", "title", "text", "when", "needs", "decision", "inferred", "excluded")


def difference(old: Contract, new: Contract) -> dict[str, Any]:
    """From `old` to `new`: traits with both values, ids of requirements, and operations as `METHOD /path`."""
    before, after = old.requirements, new.requirements
    both = [identifier for identifier in after if identifier in before]
    operations = set(_operations(old)), set(_operations(new))
    return {
        "from": f"{old.name} {old.version}",
        "to": f"{new.name} {new.version}",
        "traits": _traits(old.traits, new.traits),
        "requirements": {
            "added": [_row(after[i]) for i in after if i not in before],
            "removed": [_row(before[i]) for i in before if i not in after],
            "changed": [row for i in both if (row := _changed(before[i], after[i])) is not None],
        },
        "operations": {
            "added": sorted(operations[1] - operations[0]),
            "removed": sorted(operations[0] - operations[1]),
        },
    }


def _traits(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Leaves that differ; a trait that one side does not have is null there."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    differing = [path for path in sorted(before | after) if before.get(path) != after.get(path)]
    return [{"trait": path, "from": before.get(path), "to": after.get(path)} for path in differing]


def _leaves(traits: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in traits.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _row(requirement: Requirement) -> dict[str, Any]:
    return {"id": requirement.id, "level": requirement.level, "title": requirement.title}


def _changed(old: Requirement, new: Requirement) -> dict[str, Any] | None:
    """A requirement of both that one of them states otherwise."""
    members = [name for name in STATED if getattr(old, name) != getattr(new, name)]
    return {**_row(new), "members": members} if members else None


def _operations(contract: Contract) -> Iterator[str]:
    """Each operation; one that the contract promises to refuse says so."""
    for path, item in contract.openapi.get("paths", {}).items():
        for method in METHODS:
            if (operation := item.get(method)) is not None:
                refused = " (refused)" if "refused" in operation.get("tags", ()) else ""
                yield f"{method.upper()} {path}{refused}"


def difference_page(found: Mapping[str, Any]) -> Group:
    """The difference for reading."""
    parts: list[RenderableType] = [Text.assemble(("from ", "dim"), found["from"], (" to ", "dim"), found["to"])]
    if found["traits"]:
        parts.append(_trait_table(found["traits"]))
    for what in ("operations", "requirements"):
        for how, rows in found[what].items():
            if rows:
                parts += [Text(f"\n{what} {how} ({len(rows)})", "bold"), *map(_line, rows)]
    if len(parts) == 1:
        parts.append(Text("Nothing differs."))
    return Group(*parts)


def _trait_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("trait", "from", "to", box=None, pad_edge=False, header_style="dim", title="")
    for row in rows:
        table.add_row(Text(row["trait"]), *(Text(_shown(row[side])) for side in ("from", "to")))
    return table


def _shown(value: Any) -> str:
    """A list of rows by the path of each: what else a row says is for the JSON."""
    if isinstance(value, list | tuple) and all(isinstance(row, Mapping) and "path" in row for row in value):
        return ", ".join(str(row["path"]) for row in value)
    return "none" if value is None else str(value)


def _line(row: str | Mapping[str, Any]) -> Text:
    if isinstance(row, str):
        return Text(f"  {row}")
    members = f"  ({', '.join(row['members'])})" if row.get("members") else ""
    return Text(f"  {row['id']} {row['level']:6}  {row['title']}{members}")
