"""Contracts, requirements and plans in words and tables, for people at a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import specs
from harness.running import mock
from harness.running.checks import checks_by_requirement
from specs import Contract, Requirement, SpecError

_DEAREST = 12  # rows of a plan; plan.json and --json have them all


def contract_row(contract: Contract) -> dict[str, Any]:
    """One contract in figures."""
    requirements = contract.requirements.values()
    return {
        "name": contract.name,
        "version": contract.version,
        "title": contract.title,
        "extends": list(contract.extends),
        "requirements": len(requirements),
        "excluded": sum(1 for r in requirements if r.excluded),
        "must": sum(1 for r in requirements if r.level == "MUST" and not r.excluded),
        "digest": contract.digest,
    }


def contract_list(rows: list[dict[str, Any]]) -> Group:
    """Contracts for reading, at any width."""
    parts: list[RenderableType] = []
    for row in rows:
        extends = f", extends {', '.join(row['extends'])}" if row["extends"] else ""
        rest = row["requirements"] - row["must"] - row["excluded"]
        excluded = f"; {row['excluded']} that no client can check" if row["excluded"] else ""
        parts += [
            Text.assemble((row["name"], "bold"), f" {row['version']}{extends}"),
            Padding(Text(f"{row['title']}\n{row['must']} MUST, {rest} SHOULD or MAY{excluded}"), (0, 0, 0, 2)),
        ]
    return Group(*parts)


def defects() -> list[dict[str, Any]]:
    """All named defects of the mock: name, summary, breaks, also, seen."""
    listed: list[dict[str, Any]] = json.loads(mock.output_of("--list-defects", "--json"))
    return listed


def requirement_row(requirement: str, contract: str | None) -> dict[str, Any]:
    """A requirement with its checks and defects. Raises SpecError when no contract states it."""
    stated = _find(requirement, contract)
    return {
        **{key: getattr(stated, key) for key in ("id", "level", "title", "text", "source", "effect", "contract")},
        **{key: getattr(stated, key) for key in ("when", "decision", "inferred", "excluded")},
        "needs": list(stated.needs),
        "same_as": list(stated.same_as),
        "checks": [check for i in (stated.id, *stated.same_as) for check in checks_by_requirement().get(i, [])],
        "defects": [d["name"] for d in defects() if {stated.id, *stated.same_as} & set(d["breaks"])],
    }


def _find(requirement: str, contract: str | None) -> Requirement:
    names = [contract] if contract else specs.names()
    for name in names:
        if found := specs.load(name).requirements.get(requirement.upper()):
            return found
    known = [i for name in names for i in specs.load(name).requirements]
    meant = specs.near(requirement, known) or "; `assay contracts` lists the contracts"
    raise SpecError(f"{contract or 'no contract'} {'does not state' if contract else 'states'} {requirement}{meant}")


def requirement_panel(row: Mapping[str, Any]) -> Panel:
    """A requirement for reading."""
    lines: list[RenderableType] = [Text(row["text"]), Text()]
    said = [label for label in ("effect", "source", "decision", "when", "excluded") if row[label]]
    lines += [Text.assemble((f"{label}: ", "bold"), str(row[label])) for label in said]
    if row["needs"]:
        lines.append(Text.assemble(("needs: ", "bold"), ", ".join(row["needs"])))
    for label in ("checks", "defects"):
        for value in row[label]:
            lines.append(Text.assemble((f"{label.rstrip('s')}: ", "bold"), value))
    return Panel(Group(*lines), title=f"{row['id']} · {row['level']} · {row['title']}", title_align="left")


def plan_line(planned: Mapping[str, Any]) -> str:
    """The plan in one line."""
    wanted = sum(1 for row in planned["rows"] if row["planned"])
    return (
        f"plan: {wanted} of {len(planned['rows'])} requirements, up to {planned['calls']} calls, "
        f"about ${planned['usd']} or less ({planned['price_basis']}); never above the cap of "
        f"${Decimal(planned['cap_usd']):f}"
    )


def plan_page(planned: Mapping[str, Any]) -> Group:
    """The plan: what is called, what is left out and why, and what it comes to."""
    return Group(_calls(planned), *_left_out(planned), Text(), Text(plan_line(planned)))


def _calls(planned: Mapping[str, Any]) -> Table:
    """The dearest first; the many cheap ones are one line."""
    table = Table("what is asked", box=None, pad_edge=False, header_style="dim")
    for head in ("calls", "tokens in", "tokens out", "USD or less"):
        table.add_column(head, justify="right")
    ranked = sorted(planned["probes"], key=lambda probe: Decimal(probe["usd"]), reverse=True)
    shown, rest = ranked[:_DEAREST], ranked[_DEAREST:]
    for probe in shown:
        name = probe["name"].rpartition("::")[2].removeprefix("test_").replace("_", " ")
        table.add_row(Text(name), *_figures([probe]))  # a parametrised name has brackets, which are markup
    if rest:
        table.add_row(Text(f"{len(rest)} cheaper ones", "dim"), *_figures(rest))
    return table


def _figures(probes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    counted = (str(sum(probe[key] for probe in probes)) for key in ("calls", "prompt_tokens", "completion_tokens"))
    return *counted, f"{sum((Decimal(probe['usd']) for probe in probes), Decimal(0)):f}"


def _left_out(planned: Mapping[str, Any]) -> list[RenderableType]:
    """Each reason once, beside the requirements it holds for."""
    ids_of: dict[str, list[str]] = {}
    for row in planned["rows"]:
        if not row["planned"]:
            ids_of.setdefault(str(row["reason"]), []).append(row["requirement"])
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    for reason, ids in ids_of.items():
        named = "" if len(ids) == 1 or reason.endswith("not selected") else "\n" + ", ".join(ids)
        grid.add_row(ids[0] if len(ids) == 1 else f"{len(ids)} of them", Text(reason).append(named, "dim"))
    return [Text("\nWhat is left out", "bold"), grid] if ids_of else []
