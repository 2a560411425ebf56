"""Overrides by which a service forgets whose things are whose, or what an id is. Holds no defect itself.

A service here looks its things up by `find` and refuses ids that nobody has by `refuse_unknown`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.call import Call
from mockserver.defects import within
from mockserver.gateway import Gateway

Find = Callable[[Call, str], Any]


def found_for_all(gateway: Gateway, service: str, anyones: Find, where: Callable[[Call], bool]) -> Gateway:
    """In these calls things are found whosever they are."""
    honest: Find = getattr(gateway, service).find
    return within(gateway, service, find=lambda call, thing: (anyones if where(call) else honest)(call, thing))


def refused_as_anothers(gateway: Gateway, service: str, anyones: Find, parameter: str) -> Gateway:
    """403 for a thing of another tenant, and 404 for one that nobody has."""
    honest = getattr(gateway, service).refuse_unknown

    def refuse(call: Call) -> Any:
        there = anyones(call, call.params[parameter]) is not None
        return replace(honest(call), status=403, code="forbidden") if there else honest(call)

    return within(gateway, service, refuse_unknown=refuse)


def failing_at(gateway: Gateway, service: str, odd: Callable[[str], bool]) -> Gateway:
    """A server error for ids that are odd."""
    honest: Find = getattr(gateway, service).find

    def find(call: Call, thing: str) -> Any:
        if odd(thing):
            raise call.gateway.refuse_internal(call)
        return honest(call, thing)

    return within(gateway, service, find=find)
