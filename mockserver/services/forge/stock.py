"""What Forge leases: which GPUs stand in which metro, how many, and what an hour of one costs. Made up, and fixed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

METROS = ("fra", "iad", "sjc")
TERMS = ("on_demand", "12_month", "36_month")
MOST = 1024  # GPUs in one lease
PLENTY = 262_144  # no run of checks leases so many
MONTHS = MappingProxyType({"on_demand": None, "12_month": 12, "36_month": 36})


@dataclass(frozen=True, slots=True)
class Kind:
    """`price` is USD per GPU and hour on demand, `each` how many stand in a metro; `attested` can show evidence."""

    price: Decimal
    each: int
    attested: bool


KINDS = MappingProxyType(
    {
        "b200": Kind(Decimal("5.50"), PLENTY, attested=True),
        "b300": Kind(Decimal("6.80"), PLENTY, attested=True),
        "mi355x": Kind(Decimal("4.40"), PLENTY, attested=False),
        "l40s": Kind(Decimal("1.10"), PLENTY, attested=False),
        "gaudi3": Kind(Decimal("2.20"), 2048, attested=False),
    }
)
REBATES = MappingProxyType({"12_month": Decimal("0.45"), "36_month": Decimal("0.60")})  # of the price on demand
