"""What the models of the experiments cost, and what rows of spend come to. USD, in Decimal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

MODEL, SPARE = "Qwen/Qwen3-32B-TEE", "moonshotai/Kimi-K2.5-TEE"
PRICES = {MODEL: (Decimal("0.148"), Decimal("0.444")), SPARE: (Decimal("0.8325"), Decimal("4.07"))}  # USD a million
CACHED = Decimal("0.0148")  # USD a million cached tokens


def cost(prompt: int, completion: int, model: str = MODEL) -> Decimal:
    prices = PRICES[model]
    return (prompt * prices[0] + completion * prices[1]) / 1_000_000


def charged(rows: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(str(row["response_cost"] or 0)) for row in rows), Decimal(0))


def near(one: Decimal, other: Decimal) -> bool:
    """Within a nano-dollar: the rows hold binary fractions."""
    return abs(one - other) < Decimal("1e-9")
