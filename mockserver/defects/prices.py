"""Defects of prices: what is listed, and which price is charged when it changes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from mockserver.behaviours import billing, routes
from mockserver.call import Call, Price
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.defects.billing import Usage, honest, repriced
from mockserver.gateway import Gateway

Json = dict[str, Any]


MILLION = Decimal(1_000_000)


# --- Listed prices -----------------------------------------------------------------------------------------------


@defect(
    breaks=("VT-090", "VT-099"),
    also=(
        "VT-042",
        "VT-091",
        "VT-092",
        "VT-094",
        "VT-097",
    ),
)
def lists_the_providers_prices(gateway: Gateway) -> Gateway:
    """Lists prices without the markup that is charged."""
    return replace(gateway, listed_price=lambda call, row: row.upstream, price_of=honest)


@defect(breaks=("VT-090", "VT-099"), also=("VT-092",), seen=("B67",))
def marks_up_twice(gateway: Gateway) -> Gateway:
    """Applies the markup to prices that have it already."""
    return replace(gateway, markup_of=lambda call: call.state.traits.markup**2)


@defect(breaks="VT-090", also=("VT-092", "VT-099"))
def marks_up_completions_only(gateway: Gateway) -> Gateway:
    """Lists and charges the prompt at the provider's price."""

    def listed(call: Call, row: Row) -> Price:
        return Price(row.upstream.prompt, honest(call, row).completion)

    return replace(gateway, listed_price=listed)


@defect(breaks="VT-090", also=("VT-092", "VT-099"))
def rounds_listed_prices_to_cents(gateway: Gateway) -> Gateway:
    """Rounds prices per million tokens to two places."""

    def listed(call: Call, row: Row) -> Price:
        return repriced(honest(call, row), lambda usd: usd.quantize(Decimal("0.01")))

    return replace(gateway, listed_price=listed)


@defect(
    breaks="VT-099",
    also=(
        "VT-042",
        "VT-090",
        "VT-091",
        "VT-092",
        "VT-095",
        "VT-097",
        "VT-098",
    ),
    seen=("B61",),
)
def lists_prices_per_token(gateway: Gateway) -> Gateway:
    """Lists USD per token where USD per million tokens is promised."""
    listed = lambda call, row: repriced(honest(call, row), lambda usd: usd / MILLION)  # noqa: E731
    return replace(gateway, listed_price=listed, price_of=honest)


@defect(breaks="VT-099", also=("VT-035",))
def retrieves_another_price(gateway: Gateway) -> Gateway:
    """Shows the provider's price when one model is retrieved."""

    def retrieved(call: Call, row: Row) -> Json:
        pricing = {"prompt": row.upstream.prompt, "completion": row.upstream.completion}
        return {**routes.retrieved_row(call, row), "pricing": pricing}

    return replace(gateway, retrieved_row=retrieved)


# --- When the price changes --------------------------------------------------------------------------------------


@defect(breaks="VT-092")
def charges_the_first_price_it_saw(gateway: Gateway) -> Gateway:
    """Lists the new price of a model and goes on charging the one it knew first."""
    known: dict[str, Price] = {}
    return replace(gateway, price_of=lambda call, row: known.setdefault(row.id, honest(call, row)))


@defect(breaks="VT-092")
def lists_the_first_price_it_saw(gateway: Gateway) -> Gateway:
    """Goes on listing and charging the price that a model had when it was first asked for."""
    known: dict[str, Price] = {}
    return replace(gateway, listed_price=lambda call, row: known.setdefault(row.id, honest(call, row)))


@defect(breaks="VT-092")
def charges_the_price_of_the_end(gateway: Gateway) -> Gateway:
    """Charges a stream at the price that holds when it closes."""

    def charge(call: Call, usage: Usage) -> int:
        row = call.state.catalogue.get(call.model)
        assert row is not None
        call.price = honest(call, row)
        return billing.charge(call, usage)

    return replace(gateway, charge=charge)
