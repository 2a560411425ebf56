"""Pairs, windows and sums: nothing is lost, nothing is invented, and nothing that matched nothing passes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import specs
from harness.reconcile.moments import Window, shown
from reports import reconciliation
from tests.reconcile.lab import SECOND, START, Asked, adds_up, charge, held_against

HOUR = 3600 * SECOND
OUTCOMES = ["completed", "refused", "failed", "aborted", "fallback", "stream-error", "lost"]
ASKED = [Asked(f"r{n}", 100 + 37 * n, 5 + 11 * n, at=START + n * SECOND) for n in range(6)]


@st.composite
def bills(draw: st.DrawFn) -> tuple[list[Asked], list[dict[str, Any]]]:
    """Any requests with any entries: ids that meet, ids that do not, ids that come again."""
    ids = st.sampled_from([f"id-{n}" for n in range(8)])
    asked = [
        Asked(
            draw(ids),
            prompt=draw(st.integers(0, 10**6)),
            completion=draw(st.integers(0, 10**6)),
            cached=draw(st.integers(0, 500)),
            reasoning=draw(st.integers(0, 50)),
            n=draw(st.integers(1, 4)),
            model=draw(st.sampled_from(["org/small", "org/large", "org/unlisted"])),
            outcome=draw(st.sampled_from(OUTCOMES)),
            at=START + draw(st.integers(0, 7200)) * SECOND,
        )
        for _ in range(draw(st.integers(0, 10)))
    ]
    entry = st.fixed_dictionaries(
        {
            "request_id": st.one_of(ids, st.just("ghost"), st.none()),
            "kind": st.sampled_from(["charge", "charge", "refund", "hold", "void", "top-up"]),
            "nano_usd": st.integers(0, 10**12),
            "at": st.integers(0, 7200).map(lambda s: shown(START + s * SECOND)),
        }
    )
    return [Asked("first"), *asked], draw(st.lists(entry, min_size=1, max_size=12))


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(bill=bills(), tolerance=st.sampled_from([0, 0, 1000]), windowed=st.booleans())
def test_the_parts_of_any_difference_add_up(
    bill: tuple[list[Asked], list[dict[str, Any]]], tolerance: int, windowed: bool
) -> None:
    asked, ledger = bill
    window = Window(START, START + HOUR) if windowed else None
    with tempfile.TemporaryDirectory() as folder:
        found = held_against(Path(folder), asked, ledger, tolerance=tolerance, window=window)
    jsonschema.validate(found, specs.schema("reconciliation"))
    assert adds_up(found)
    assert reconciliation.text(found)
    assert reconciliation.render(found)
    if window is None:
        known = {row["request_id"] for row in ledger} & {one.id for one in asked}
        charged = sum(
            {"charge": 1, "refund": -1}.get(row["kind"], 0) * row["nano_usd"]
            for row in ledger
            if row["kind"] != "top-up"
        )
        assert found["totals"]["charged_nano"] + found["totals"]["not_judged_nano"] == charged
        assert found["counts"]["matched"] <= len(known)
        assert found["counts"]["calls"] == len(asked)


def test_a_right_bill_reconciles(tmp_path: Path) -> None:
    found = held_against(tmp_path, ASKED, [charge(one) for one in ASKED])
    assert found["verdict"] == "reconciles"
    assert found["exit_code"] == 0
    assert found["totals"]["due_nano"] == sum(one.due for one in ASKED)
    assert found["counts"]["exact"] == found["counts"]["matched"] == 6


def test_nothing_matched_is_a_failure(tmp_path: Path) -> None:
    strangers = [charge(one, request_id=f"other-{one.id}") for one in ASKED]
    found = held_against(tmp_path, ASKED, strangers)
    assert (found["verdict"], found["exit_code"]) == ("vacuous", 1)


def test_nothing_due_and_nothing_charged_is_vacuous_too(tmp_path: Path) -> None:
    refused = [replace(one, outcome="refused") for one in ASKED]
    found = held_against(tmp_path, refused, [charge(Asked("other"), 0, kind="top-up")])
    assert found["verdict"] == "vacuous"


def test_a_hold_and_its_release_are_no_charge(tmp_path: Path) -> None:
    failed = Asked("failed", outcome="failed")
    ledger = [charge(failed, 99, kind="hold"), charge(failed, 99, kind="void"), *map(charge, ASKED)]
    assert held_against(tmp_path, [failed, *ASKED], ledger)["verdict"] == "reconciles"


def test_a_hold_that_stays_is_told(tmp_path: Path) -> None:
    failed = Asked("failed", outcome="failed")
    found = held_against(tmp_path, [failed, *ASKED], [charge(failed, 99, kind="hold"), *map(charge, ASKED)])
    assert found["verdict"] == "differs"
    assert found["totals"]["left_held_nano"] == 99


def test_an_id_sent_twice_is_owed_once(tmp_path: Path) -> None:
    found = held_against(tmp_path, [*ASKED, ASKED[0]], [charge(one) for one in ASKED])
    assert found["verdict"] == "reconciles"
    assert found["counts"]["seen_again"] == 1
    assert found["counts"]["calls"] == 7


@pytest.mark.parametrize("edge", [0, 1], ids=["first moment", "end"])
def test_a_window_is_half_open(tmp_path: Path, edge: int) -> None:
    window = Window(ASKED[0].at, ASKED[5].at + edge)
    found = held_against(tmp_path, ASKED, [charge(one) for one in ASKED], window=window)
    assert found["counts"]["calls"] == 5 + edge
    assert found["verdict"] == "reconciles"


def test_a_charge_after_the_window_still_pays_for_a_call_inside(tmp_path: Path) -> None:
    window = Window(START, START + 6 * SECOND)
    late = [charge(one, at=shown(one.at + 30 * SECOND)) for one in ASKED]
    assert held_against(tmp_path, ASKED, late, window=window)["verdict"] == "reconciles"


def test_charges_far_away_are_late_and_the_hours_are_told(tmp_path: Path) -> None:
    shifted = [charge(one, at=shown(one.at + SECOND + 2 * HOUR)) for one in ASKED]
    found = held_against(tmp_path, ASKED, shifted)
    assert found["counts"]["late"] == 6
    assert any("+2.00 hours" in notice for notice in found["notices"])


def test_a_ledger_cut_in_another_zone_is_named(tmp_path: Path) -> None:
    spread = [Asked(f"r{n}", 1000 + n, at=START + n * HOUR // 4) for n in range(48)]
    ledger = [charge(one) for one in spread if one.at >= START + 2 * HOUR]
    found = held_against(tmp_path, spread, ledger, window=Window(START, START + 12 * HOUR))
    assert [finding["cause"] for finding in found["findings"]] == ["window-shifted"]


def test_a_missing_refund_is_named_where_others_are_refunded(tmp_path: Path) -> None:
    failed = [Asked(f"f{n}", 700 + n, outcome="failed") for n in range(4)]
    ledger = [row for one in failed for row in (charge(one, 500), charge(one, 500, kind="refund"))]
    found = held_against(tmp_path, [*failed, *ASKED], [*ledger[:-1], *map(charge, ASKED)])
    assert [finding["cause"] for finding in found["findings"]] == ["refund-missing"]
    assert found["totals"]["difference_nano"] == 500


def test_what_has_no_usage_is_priced_by_the_ledgers_counts(tmp_path: Path) -> None:
    broken = replace(ASKED[0], outcome="aborted")
    row = {**broken.row(), "prompt_tokens": None, "completion_tokens": None}
    asked = [_Bare(row), *ASKED[1:]]
    found = held_against(tmp_path, asked, [charge(one) for one in ASKED])
    assert found["verdict"] == "reconciles"
    assert found["counts"]["by_ledger_counts"] == 1
    wrong = [charge(ASKED[0], ASKED[0].due + 5), *map(charge, ASKED[1:])]
    assert held_against(tmp_path, asked, wrong)["totals"]["difference_nano"] == 5


def test_what_nobody_counted_is_not_judged(tmp_path: Path) -> None:
    row = {**ASKED[0].row(), "outcome": "aborted", "prompt_tokens": None, "completion_tokens": None}
    bare = charge(ASKED[0], prompt_tokens=None, completion_tokens=None)
    found = held_against(tmp_path, [_Bare(row), *ASKED[1:]], [bare, *map(charge, ASKED[1:])])
    assert (found["verdict"], found["exit_code"]) == ("incomplete", 4)
    assert found["totals"]["not_judged_nano"] == ASKED[0].due


def test_a_tolerance_is_told_apart(tmp_path: Path) -> None:
    ledger = [charge(one, one.due + n) for n, one in enumerate(ASKED)]
    found = held_against(tmp_path, ASKED, ledger, tolerance=3)
    assert found["counts"]["differing"] == 2
    assert found["totals"]["tolerated_nano"] == 1 + 2 + 3
    assert adds_up(found)


class _Bare(Asked):
    """A request with a row of its own making."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__(row["request_id"])
        object.__setattr__(self, "_row", row)

    def row(self) -> dict[str, Any]:
        return dict(self._row)  # type: ignore[attr-defined]
