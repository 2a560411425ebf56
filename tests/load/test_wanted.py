"""What a load may cost is known before it begins, and soon."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from harness.load.scenario import Scenario
from harness.load.wanted import afforded
from harness.load.workload import Workload
from harness.wire.budget import Budget

DAY = Scenario("http://127.0.0.1:1/v1", (), 1000, 86_000, workload=Workload(models=(("a", 1.0), ("b", 1.0)), turns=3))


def asking(*free: str) -> tuple[Any, list[bytes]]:
    """A session whose budget notes what it is asked to price."""
    budget, priced = Budget(Decimal(1), lambda name: (Decimal(0), Decimal(0)) if name in free else None), list[bytes]()
    bound = budget.bound

    def noted(body: bytes) -> Any:
        priced.append(body)
        return bound(body)

    budget.bound = noted  # type: ignore[method-assign]
    return SimpleNamespace(client=SimpleNamespace(budget=budget)), priced


def test_a_day_of_free_requests_needs_no_day_to_be_priced() -> None:
    ask, priced = asking("a", "b")
    fitted, reservation = afforded(ask, DAY)
    assert fitted.requests == 1000 * (86_000 * 200 + 1)
    assert (reservation.usd, reservation.calls) == (Decimal(0), 3 * fitted.requests)
    assert len(priced) == 2


@pytest.mark.parametrize("free", [("a",), ()])
def test_one_model_with_a_price_makes_all_of_them_count(free: tuple[str, ...]) -> None:
    ask, _ = asking(*free)
    fitted, reservation = afforded(ask, DAY)
    assert fitted.requests is not None
    assert 0 < fitted.requests < 10_000
    assert Decimal("0.9") < reservation.usd <= 1
