"""The models by what they do: those that chat, and those that speak."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.services.answers import json_answer
from mockserver.services.service import Route, Service

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.catalogue import Row

Handler = Callable[["Call"], Awaitable["Reply"]]


async def chat(call: Call) -> Reply:
    lists = call.gateway.model_lists
    found = {"models": lists.of_kind(call, "chat"), "private_models": lists.private(call)}
    return json_answer(call, {name: [lists.row(call, row) for row in rows] for name, rows in found.items()})


async def audio(call: Call) -> Reply:
    lists = call.gateway.model_lists
    return json_answer(call, {"speech": [lists.row(call, row) for row in lists.of_kind(call, "speech")]})


def of_kind(call: Call, kind: str) -> list[Row]:
    return [row for row in call.state.catalogue.rows.values() if row.kind == kind]


def private(call: Call) -> list[Row]:
    """Models that only this account has: the mock trains none."""
    return []


def row(call: Call, told: Row) -> dict[str, Any]:
    """The row of the list of all models."""
    return call.gateway.model_row(call, told)


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Held by the gateway as `model_lists`."""

    chat: Handler = chat
    audio: Handler = audio
    of_kind: Callable[[Call, str], list[Row]] = of_kind
    private: Callable[[Call], list[Row]] = private
    row: Callable[[Call, Row], Any] = row


SERVICE = Service(
    "model_lists",
    routes=(Route("GET", "/chat/models", "model_lists.chat"), Route("GET", "/audio/models", "model_lists.audio")),
)
