"""Whatever goes wrong in a known way is named first, and every nano-dollar of the difference is accounted for."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.reconcile.causes import CAUSES
from tests.reconcile.faults import FAULTS, Fault
from tests.reconcile.lab import SECOND, START, Asked, adds_up, charge, held_against

ALSO = {"refund-missing", "millionth", "price-of-another-time", "window-shifted"}  # tested by themselves


@st.composite
def requests(draw: st.DrawFn) -> list[Asked]:
    """Requests whose counts are large and uneven enough that two causes do not give the same charge by chance."""
    return some(draw(st.integers(8, 16)), draw(st.randoms(use_true_random=False)))


def some(many: int, chance: random.Random) -> list[Asked]:
    return [_request(number, chance) for number in range(many)]


def _request(number: int, chance: random.Random) -> Asked:
    completion = chance.randint(101, 3999)
    bound, at = completion + chance.randint(50, 999), START + number * 7 * SECOND
    return Asked(f"req-{number}", chance.randint(301, 9999), completion, max_tokens=bound, at=at)


def _suited(asked: Asked, fault: Fault) -> Asked:
    """The request with what the fault needs to show."""
    needs: dict[str, Any] = dict(fault.needs)
    made: dict[str, Any] = {
        "cached": asked.prompt // 3 + 1,
        "reasoning": asked.completion // 4 + 1,
        "parts": asked.completion * 5 + 3,
        "size": asked.completion * 5 + 1,
    }
    return replace(asked, **{name: made[name] if value is True else value for name, value in needs.items()})


def _spoiled(asked: list[Asked], fault: Fault) -> tuple[list[Asked], list[dict[str, Any]], set[str]]:
    """Every second request is billed wrong."""
    made, ledger, wrong = [], [], set()
    for number, plain in enumerate(asked):
        one = _suited(plain, fault) if number % 2 else plain
        lines = fault.bill(one) if number % 2 else [charge(one)]
        charged = sum(row["nano_usd"] * {"charge": 1, "refund": -1, "hold": 0}[row["kind"]] for row in lines)
        if charged != one.due:
            wrong.add(one.id)
        made.append(one)
        ledger += lines
    return made, ledger, wrong


def named_first(name: str, asked: list[Asked]) -> None:
    made, ledger, wrong = _spoiled(asked, FAULTS[name])
    with tempfile.TemporaryDirectory() as folder:
        found = held_against(Path(folder), made, ledger)
    assert adds_up(found)
    assert found["counts"]["differing"] == len(wrong)
    if wrong:
        assert found["exit_code"] == 1
        first = found["findings"][0]
        assert name == first["cause"] or name in first["also_consistent_with"], found["findings"]
        assert not found["unexplained"]["ids"]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_cause_is_named_first(name: str) -> None:
    named_first(name, some(24, random.Random(name)))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(FAULTS)), asked=requests())
def test_any_cause_in_any_bill_is_named_first(name: str, asked: list[Asked]) -> None:
    named_first(name, asked)


def test_every_cause_has_a_fault_that_shows_it() -> None:
    shown = FAULTS.keys() | ALSO
    names = {cause.name for cause in CAUSES}
    rounded = {name for name in names if name.startswith("rounded-")}
    assert names - rounded <= shown
    assert shown <= names
