"""Health: one word on the state of the cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.services.answers import json_answer
from mockserver.services.service import Route, Service

if TYPE_CHECKING:
    from mockserver.call import Call, Reply


async def serve(call: Call) -> Reply:
    return json_answer(call, call.gateway.health.document(call))


def document(call: Call) -> Any:
    return {"status": "ok"}


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Held by the gateway as `health`."""

    serve: Callable[[Call], Awaitable[Reply]] = serve
    document: Callable[[Call], Any] = document


SERVICE = Service("health", routes=(Route("GET", "/health", "health.serve"),))
