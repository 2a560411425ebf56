"""GET /models: the tenant's catalogue, filtered by tier and catalogue, at the prices of the tier."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from mockserver.behaviours.routes import json_reply
from mockserver.services.members import Members, checked, one_of, optional
from mockserver.services.spark.fleet import CATALOGUES, TIERS, Pins

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.catalogue import Row

QUERY: Members = {"tier": optional(one_of(TIERS)), "catalog": optional(one_of(CATALOGUES))}


async def list_models(call: Call) -> Reply:
    gateway = call.gateway
    asked = checked(call, dict(parse_qsl(call.query, keep_blank_values=True)), QUERY)
    if asked["tier"]:
        pod = gateway.spark.choose(call, Pins(tier=asked["tier"]))
        gateway.spark.serve_at(call, pod, asked["tier"])
    rows = [row for row in gateway.listed_models(call) if gateway.spark.lists(row, asked["tier"], asked["catalog"])]
    return json_reply(call, gateway.model_list(call, [gateway.model_row(call, row) for row in rows]))


def lists(row: Row, tier: str | None, catalogue: str | None) -> bool:
    """Whether a row passes the filters."""
    return (tier is None or tier in row.tiers) and (catalogue is None or row.shown.get("catalog") == catalogue)
