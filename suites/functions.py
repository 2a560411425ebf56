"""The functions that tool checks offer to a model, and questions that call for them."""

from __future__ import annotations

from typing import Any, Final


def offer(name: str, what: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """A function tool all of whose parameters are required."""
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": what, "parameters": parameters}}


WEATHER: Final = offer("get_weather", "Current weather of a city", city={"type": "string", "description": "City name"})
ORDERS: Final = offer(
    "find_orders",
    "Find the orders of a customer",
    postcode={"type": "string", "description": "Postal code", "pattern": "^[0-9]{5}$"},
    limit={"type": "integer", "description": "Most orders to return"},
)
IN_OSLO: Final = "What is the weather in Oslo?"
IN_TWO_CITIES: Final = "What is the weather in Paris and Oslo? Ask for each city."
AT_POSTCODE: Final = "Find the orders of the customer with postcode 01234, at most 5 of them."


def named(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool_choice that demands this tool."""
    return {"type": "function", "function": {"name": tool["function"]["name"]}}
