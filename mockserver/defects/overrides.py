"""Overrides that defects of several themes share. Holds no defect itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mockserver.behaviours import admission
from mockserver.call import Call
from mockserver.gateway import Check

Json = dict[str, Any]


def reading(change: Callable[[Call, Json], Json]) -> Callable[[Call, bytes], Json]:
    """The request object, changed before anybody looks at it."""
    return lambda call, raw: change(call, admission.decode_body(call, raw))


def forgetting(name: str, wrong: Callable[[Any], bool]) -> Callable[[Call, bytes], Json]:
    """The request object without a member whose value is wrong: nobody is told."""
    return reading(lambda call, body: {k: v for k, v in body.items() if k != name or not wrong(v)})


def crashing(check: Check, wrong: Callable[[Any], bool]) -> Check:
    """A server error in the place of a refusal."""

    def careless(call: Call, value: Any) -> None:
        if wrong(value):
            raise call.gateway.refuse_internal(call)
        check(call, value)

    return careless
