"""GET /openapi.yaml: the contract's own description, byte for byte."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import specs
from mockserver.call import Reply
from mockserver.services.service import Route, Service

if TYPE_CHECKING:
    from mockserver.call import Call


async def serve(call: Call) -> Reply:
    described = call.gateway.description
    return Reply(200, described.document(call), [("Content-Type", described.content_type)])


def document(call: Call) -> bytes:
    return specs.load(call.state.traits.contract).openapi_path.read_bytes()


@dataclass(frozen=True, kw_only=True)
class Decisions:
    serve: Callable[[Call], Awaitable[Reply]] = serve
    document: Callable[[Call], bytes] = document
    content_type: str = "application/yaml"


SERVICE = Service("description", (Route("GET", "/openapi.yaml", "description.serve", rooted=True, public=True),))
