"""What a run will ask and what that costs at most, before anything is spent. Reads prices; makes no paid call."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from harness.asking.probe import FREE, Cost, cost_of
from harness.model import NotObserved
from harness.running.selection import Selection
from harness.running.session import Session

CATALOGUE = "GET /models, for the model and its price"  # free, and asked before anything else


@dataclass(frozen=True)
class Line:
    """One probe, or one check that calls by itself, with its upper bounds."""

    name: str
    cost: Cost
    usd: Decimal


@dataclass(frozen=True)
class Plan:
    """Everything the run will do. `basis` says where the prices come from."""

    lines: tuple[Line, ...]
    checks: dict[str, tuple[str, ...]]
    basis: str

    @property
    def calls(self) -> int:
        return sum(line.cost.calls for line in self.lines)

    @property
    def usd(self) -> Decimal:
        return sum((line.usd for line in self.lines), Decimal(0))


def make(items: Iterable[pytest.Item], chosen: Selection, session: Session, workers: int = 1) -> Plan:
    """Price every probe once for each worker, and every self-calling check once."""
    costs: dict[str, Cost] = {CATALOGUE: Cost(calls=workers)}
    checks: dict[str, list[str]] = {}
    for item in items:
        for requirement in chosen.ids_of.get(item, ()):
            checks.setdefault(requirement, []).append(item.nodeid)
        costs.update(_costs_of(item, session.options.profile, workers))
    basis = session.budget.prices(session.ask.model_or_none())[2]
    lines = (Line(name, cost, _usd(cost, session)) for name, cost in sorted(costs.items()))
    return Plan(tuple(lines), {i: tuple(names) for i, names in checks.items()}, basis)


def _usd(cost: Cost, session: Session) -> Decimal:
    """By the price of the model of its kind."""
    model = session.ask.model_or_none()
    if cost.kind != "chat":
        with contextlib.suppress(NotObserved):  # nobody names one: the assumed price is the default model's
            model = session.ask.model_for(cost.kind)
    prompt, completion, _ = session.budget.prices(model)
    return (cost.prompt_tokens * prompt + cost.completion_tokens * completion) / 1_000_000


def _costs_of(item: pytest.Item, profile: str, workers: int) -> dict[str, Cost]:
    found: dict[str, Cost] = {}
    if mark := item.get_closest_marker("cost"):
        found[item.nodeid] = Cost(**{"calls": 1, "prompt_tokens": 30, "completion_tokens": 0, **mark.kwargs})
    info = getattr(item, "_fixtureinfo", None)  # pytest has no public way to ask which fixtures an item will use
    for name, definitions in (info.name2fixturedefs if info else {}).items():
        if (cost := cost_of(definitions[-1].func, profile)) is not FREE:
            found[name] = cost * workers
    return found


def document(plan: Plan, chosen: Selection, session: Session) -> dict[str, Any]:
    """plan.json as specs/schema/plan.schema.json describes it."""
    return {
        "contract": session.contract.name,
        "target": session.target.name,
        "profile": session.options.profile,
        "rows": [
            {
                "requirement": r.id,
                "level": r.level,
                "planned": r.id in plan.checks,
                "checks": list(plan.checks.get(r.id, ())),
                "reason": _reason(r.id, plan, chosen),
            }
            for r in session.contract.requirements.values()
        ],
        "probes": [
            {
                "name": line.name,
                "calls": line.cost.calls,
                "prompt_tokens": line.cost.prompt_tokens,
                "completion_tokens": line.cost.completion_tokens,
                "usd": f"{line.usd.normalize():f}",
            }
            for line in plan.lines
        ],
        "calls": plan.calls,
        "usd": f"{plan.usd.normalize():f}",
        "price_basis": plan.basis,
    }


def _reason(requirement: str, plan: Plan, chosen: Selection) -> str | None:
    if requirement in chosen.gaps:
        outcome, reason = chosen.gaps[requirement]
        return f"{outcome}: {reason}"
    return None if requirement in plan.checks else "no check in this profile"


def write(document: dict[str, Any], folder: Path) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
