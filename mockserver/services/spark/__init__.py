"""Spark: which pod serves a request, what its answer says of that, the model list by tier, and usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockserver.services.service import Route, Service
from mockserver.services.spark.decisions import Decisions
from mockserver.services.spark.served import SCHEMA, Served

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.storage import Storage
    from mockserver.state import State


def open_part(storage: Storage, _: State) -> Served:
    return Served(storage.connect(SCHEMA))


def admit(call: Call) -> None:
    call.gateway.spark.admit(call)


def place(call: Call) -> None:
    call.gateway.spark.place(call)


def observe(call: Call, reply: Reply) -> Reply:
    return call.gateway.spark.shown(call, reply)


SERVICE = Service(
    "spark",
    (
        Route("GET", "/models", "spark.list_models"),
        Route("GET", "/usage", "spark.usage"),
    ),
    open=open_part,
    admit=admit,
    place=place,
    observe=observe,
)
__all__ = ["SERVICE", "Decisions", "Served"]
