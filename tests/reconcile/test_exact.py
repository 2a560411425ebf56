"""The arithmetic of the engine, against Python's own."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from harness.judge.billing import Price
from harness.reconcile.engine import Settings, opened

PARTS = (1, 2, 3, 4, 5, 7, 10, 1000)


@pytest.mark.parametrize("kind", ["BIGINT", "HUGEINT"])
def test_division_rounds_half_to_even(kind: str) -> None:
    with opened(Settings()) as engine:
        for parts in PARTS:
            query = f"SELECT a, divided(a::{kind}, {parts}::{kind}) FROM range(300) t(a)"
            rows = engine.db.execute(query).fetchall()
            assert [value for _, value in rows] == [round(Fraction(a, parts)) for a, _ in rows]


def test_a_cost_is_the_one_that_the_judge_of_single_bills_reckons() -> None:
    query = "SELECT quick_nano(worth(p, c, NULL, 370500000000::HUGEINT, 1480250000000::HUGEINT, NULL)), p, c"
    price = Price(Decimal("0.3705"), Decimal("1.48025"))
    with opened(Settings()) as engine:
        rows = engine.db.execute(f"{query} FROM range(0, 400, 7) a(p), range(0, 400, 13) b(c)").fetchall()
    assert [nano for nano, _, _ in rows] == [price.cost(p, c) * 10**9 for _, p, c in rows]


def test_nothing_is_left_behind() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with opened(Settings(folder=Path(folder))) as engine:
            assert engine.folder.parent == Path(folder)
        assert not list(Path(folder).iterdir())
