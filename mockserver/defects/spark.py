"""Defects of Spark: pins that are dropped, models that are shown or read wrongly."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from mockserver.behaviours import routes
from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.services.spark import placement
from mockserver.services.spark.fleet import Pins

Json = dict[str, Any]


# --- Pins --------------------------------------------------------------------------------------------------------


def _without_pins(gateway: Gateway, **dropped: None) -> Gateway:
    def pins(call: Call) -> Pins:
        return replace(placement.pins_of(call), **dropped)

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-104", also=("VL-106", "VL-110"))
def drops_the_pinned_tier(gateway: Gateway) -> Gateway:
    """Serves every request in the standard tier."""
    return _without_pins(gateway, tier=None)


@defect(breaks="VL-104", also=("VL-106",))
def serves_tiers_that_a_model_has_not(gateway: Gateway) -> Gateway:
    """Serves a model in a tier that it is not offered in, and says that all is well."""

    def permits(call: Call, pins: Pins, tier: str) -> bool:
        return pins.metro is None or pins.metro in placement.metros_of(call)

    return within(gateway, "spark", permits=permits)


@defect(breaks="VL-105", also=("VL-106", "VL-108"))
def drops_the_pinned_metro(gateway: Gateway) -> Gateway:
    """Serves a request that is pinned to a metro wherever there is room."""
    return _without_pins(gateway, metro=None)


@defect(breaks="VL-105", also=("VL-106", "VL-108"))
def falls_back_to_another_metro(gateway: Gateway) -> Gateway:
    """Serves a request elsewhere when the pinned metro cannot."""

    def pins(call: Call) -> Pins:
        found = placement.pins_of(call)
        known = found.metro in placement.metros_of(call)
        return found if known else replace(found, metro=None)

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-106", seen=("G43",))
def drops_the_pins_of_streams(gateway: Gateway) -> Gateway:
    """Honours pins in whole answers only."""

    def pins(call: Call) -> Pins:
        found = placement.pins_of(call)
        return Pins(pod=found.pod) if call.streams else found

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-107")
def reads_the_affinity_under_another_name(gateway: Gateway) -> Gateway:
    """Looks for pod_affinity, and so never sees volt_pod_affinity."""
    return _without_pins(gateway, pod=None)


@defect(breaks="VL-108")
def embeds_wherever_there_is_room(gateway: Gateway) -> Gateway:
    """Drops the pins of embeddings."""

    def pins(call: Call) -> Pins:
        found = placement.pins_of(call)
        return Pins() if call.path.endswith("/embeddings") else found

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-108")
def completes_wherever_there_is_room(gateway: Gateway) -> Gateway:
    """Drops the pins of text completions."""

    def pins(call: Call) -> Pins:
        found = placement.pins_of(call)
        return found if call.path.endswith(("/chat/completions", "/embeddings")) else Pins()

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-109", also=("OC-171",))
def drops_pins_that_it_cannot_read(gateway: Gateway) -> Gateway:
    """Ignores a tier or a metro that is misspelt or no text."""

    def pins(call: Call) -> Pins:
        try:
            return placement.pins_of(call)
        except Refusal:
            return Pins()

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-030", also=("VL-104", "VL-105", "VL-106", "VL-107", "OC-043", "OC-170"))
def refuses_the_extensions(gateway: Gateway) -> Gateway:
    """Refuses requests with a member that begins with volt."""

    def check(call: Call, body: Json) -> None:
        for name in body:
            if name.startswith("volt"):
                raise call.gateway.refuse_parameter(call, name, f"Unknown parameter: '{name}'.")

    return replace(gateway, check_unknown=check)


# --- The other operations ----------------------------------------------------------------------------------------


@defect(breaks="VL-035")
def lists_models_of_every_tier(gateway: Gateway) -> Gateway:
    """Ignores the filter by tier."""

    def lists(row: Row, tier: str | None, catalogue: str | None) -> bool:
        return catalogue is None or row.shown.get("catalog") == catalogue

    return within(gateway, "spark", lists=lists)


@defect(breaks="VL-035")
def lists_models_of_every_catalogue(gateway: Gateway) -> Gateway:
    """Ignores the filter by catalogue."""
    return within(gateway, "spark", lists=lambda row, tier, catalogue: tier is None or tier in row.tiers)


@defect(breaks="VL-036")
def reads_one_model_at_another_price(gateway: Gateway) -> Gateway:
    """Gives another price where one model is read than in the list."""

    def row(call: Call, found: Row) -> Json:
        return {**routes.retrieved_row(call, found), "price_per_million_output_tokens_usd": Decimal("0.01")}

    return replace(gateway, retrieved_row=row)


@defect(breaks="VL-036", also=("OC-133", "VL-141", "OC-170"))
def reads_any_model_that_is_asked_for(gateway: Gateway) -> Gateway:
    """Makes up a row for a model that is not in the catalogue."""

    def find(call: Call, model: str) -> Row | None:
        known = call.state.catalogue.get(model)
        reads = call.method == "GET"
        return known or (call.gateway.listed_models(call)[0] if reads else None)

    return replace(gateway, find_model=find)
