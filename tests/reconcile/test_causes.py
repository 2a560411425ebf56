"""Whatever goes wrong in a known way is named first, and every nano-dollar of the difference is accounted for."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.reconcile.causes import CAUSES
from tests.reconcile.faults import FAULTS, Fault
from tests.reconcile.lab import Asked, adds_up, charge, held_against

ALSO = {"refund-missing", "millionth", "price-of-another-time", "window-shifted"}  # tested by themselves


@st.composite
def requests(draw: st.DrawFn, least: int = 8) -> list[Asked]:
    """Requests whose counts are large and uneven enough that two causes do not give the same charge by chance."""
    many = draw(st.integers(least, 16))
    return [draw(_request(number)) for number in range(many)]


@st.composite
def _request(draw: st.DrawFn, number: int) -> Asked:
    prompt, completion = draw(st.integers(301, 9999)), draw(st.integers(101, 3999))
    return Asked(
        f"req-{number}",
        prompt=prompt,
        completion=completion,
        max_tokens=completion + draw(st.integers(50, 999)),
        at=Asked("x").at + number * 7_000_000,
    )


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


@pytest.mark.parametrize("name", sorted(FAULTS))
@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=requests())
def test_an_injected_cause_is_named_first(name: str, asked: list[Asked]) -> None:
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


def test_every_cause_has_a_fault_that_shows_it() -> None:
    shown = FAULTS.keys() | ALSO
    names = {cause.name for cause in CAUSES}
    rounded = {name for name in names if name.startswith("rounded-")}
    assert names - rounded <= shown
    assert shown <= names
