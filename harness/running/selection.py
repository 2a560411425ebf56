"""Which checks run, and why the others do not: contract, traits, capabilities, profile, what the caller chose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from harness.model import Outcome
from harness.running.session import Session
from specs import Requirement

NOT_SELECTED = "not selected"
Gap = tuple[str, str]  # outcome and reason of a requirement that no check will decide


@dataclass
class Selection:
    """The ids each chosen check decides; the gaps among the others; what the caller selected at all."""

    ids_of: dict[pytest.Item, tuple[str, ...]] = field(default_factory=dict)
    gaps: dict[str, Gap] = field(default_factory=dict)
    selected: set[str] = field(default_factory=set)


def marked_ids(item: pytest.Item, session: Session) -> tuple[str, ...]:
    """The requirements that a check decides: those of its marks, nearest first, then those that say the same."""
    return session.contract.deciding(i for mark in item.iter_markers("requirement") for i in mark.args)


def select(checks: Iterable[pytest.Item], session: Session) -> Selection:
    """Decide for each requirement of the contract and each check."""
    chosen = Selection()
    checks = list(checks)
    in_suites = _ids_in_suites(checks, session)
    for requirement in session.contract.requirements.values():
        if gap := _gap(requirement, session, in_suites):
            chosen.gaps[requirement.id] = gap
        if _asked_for(requirement.id, session, in_suites):
            chosen.selected.add(requirement.id)
    for item in checks:
        if _in_scope(item, session):
            ids = tuple(i for i in marked_ids(item, session) if i in chosen.selected and i not in chosen.gaps)
            if ids:
                chosen.ids_of[item] = ids
    return chosen


def _gap(requirement: Requirement, session: Session, in_suites: set[str]) -> Gap | None:
    if requirement.excluded:
        return Outcome.EXCLUDED, requirement.excluded
    if not session.contract.applies(requirement):
        return Outcome.NOT_APPLICABLE, f"the contract does not promise {requirement.when}"
    if not _asked_for(requirement.id, session, in_suites):
        return Outcome.NOT_OBSERVED, NOT_SELECTED
    if missing := [need for need in requirement.needs if need not in session.target.capabilities()]:
        return Outcome.NOT_OBSERVED, f"the target offers no {' and no '.join(missing)}"
    return None


def _ids_in_suites(checks: Iterable[pytest.Item], session: Session) -> set[str]:
    return {i for item in checks if _in_scope(item, session) for i in marked_ids(item, session)}


def _asked_for(requirement: str, session: Session, in_suites: set[str]) -> bool:
    options = session.options
    return (not options.only or requirement in options.only) and (not options.suites or requirement in in_suites)


def _in_scope(item: pytest.Item, session: Session) -> bool:
    mark = item.get_closest_marker("profile")
    return session.options.allows(mark.args[0] if mark else "quick") and (
        not session.options.suites or suite_of(item) in session.options.suites
    )


def suite_of(item: pytest.Item) -> str:
    """The suite of a check: the name of its folder."""
    return item.path.parent.name
