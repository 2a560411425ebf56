"""Contracts, requirements and plans in words and tables, for people at a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

import specs
from harness import mock
from harness.checks import checks_by_requirement
from specs import Contract, Requirement, SpecError


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


def contract_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(
        Column("contract", no_wrap=True), "version", "what it is", "extends", "requirements", "checked MUST", "excluded"
    )
    for row in rows:
        figures = (str(row[key]) for key in ("requirements", "must", "excluded"))
        table.add_row(row["name"], row["version"], row["title"], ", ".join(row["extends"]) or "-", *figures)
    return table


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
        "checks": checks_by_requirement().get(requirement, []),
        "defects": [d["name"] for d in defects() if requirement in d["breaks"]],
    }


def _find(requirement: str, contract: str | None) -> Requirement:
    for name in [contract] if contract else specs.names():
        if found := specs.load(name).requirements.get(requirement):
            return found
    raise SpecError(f"no contract states {requirement!r}; `assay contracts` lists the contracts")


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
        f"plan: {wanted} requirements, {planned['calls']} calls, at most ${planned['usd']} "
        f"({planned['price_basis']}); cap ${Decimal(planned['cap_usd']):f}"
    )


def plan_table(planned: Mapping[str, Any]) -> Group:
    """The plan: what is called, and what is left out and why."""
    calls = Table("probe or check", "calls", "prompt tokens", "completion tokens", "at most USD", title="What is asked")
    for probe in planned["probes"]:
        figures = (str(probe[key]) for key in ("calls", "prompt_tokens", "completion_tokens", "usd"))
        calls.add_row(Text(probe["name"]), *figures)  # a parametrised name has brackets, which are markup
    left_out = Table("requirement", "level", "why", title="What is left out")
    for row in planned["rows"]:
        if not row["planned"]:
            left_out.add_row(row["requirement"], row["level"], Text(str(row["reason"])))
    return Group(calls, left_out, Text(plan_line(planned)))
