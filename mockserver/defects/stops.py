"""Defects of stop sequences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import parameters, stops
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway

Json = dict[str, Any]


class _Inclusive(stops.StopScanner):
    """Delivers the stop sequence as the last text."""

    def feed(self, token: bytes) -> list[bytes]:
        held = b"".join(self._held) + token
        released = super().feed(token)
        return [held] if self.hit and held else released


class _OneToken(stops.StopScanner):
    """Looks for stop sequences inside single tokens."""

    def feed(self, token: bytes) -> list[bytes]:
        self._held = []
        return super().feed(token) + super().flush()


def only_stops(keep: Callable[[Any], Any]) -> Callable[[Json], list[bytes]]:
    return lambda body: stops.stops_of({**body, "stop": keep(body.get("stop"))})


@defect(breaks=("OC-037", "OC-038", "OC-039"), also=("OC-103",), seen=("C76",))
def delivers_the_stop_sequence(gateway: Gateway) -> Gateway:
    """Ends the text behind the stop sequence and not before it."""
    return replace(gateway, stop_scanner=_Inclusive)


@defect(breaks=("OC-037", "OC-038"), also=("OC-039",))
def says_length_when_it_was_stopped(gateway: Gateway) -> Gateway:
    """Sends finish_reason length for an answer that a stop sequence has ended."""

    def reason(call: Call, finish: str) -> str:
        return "length" if call.body.get("stop") else finish

    return replace(gateway, finish_reason=reason)


@defect(breaks="OC-037", also=("OC-039", "OC-103"))
def ignores_a_stop_that_is_a_string(gateway: Gateway) -> Gateway:
    """Honours stop only when it is an array."""
    return replace(gateway, stops_of=only_stops(lambda stop: stop if isinstance(stop, list) else None))


@defect(breaks="OC-037", also=("OC-039",), seen=("C79",))
def refuses_a_stop_that_is_a_string(gateway: Gateway) -> Gateway:
    """Refuses stop unless it is an array."""

    def check(call: Call, value: Any) -> None:
        parameters.stop(call, value)
        if isinstance(value, str):
            raise call.gateway.refuse_parameter(call, "stop", "Invalid value for 'stop': expected an array.")

    return replace(gateway, check_stop=check)


@defect(breaks="OC-038", seen=("C80",))
def refuses_an_array_of_stops(gateway: Gateway) -> Gateway:
    """Refuses stop unless it is a string."""

    def check(call: Call, value: Any) -> None:
        parameters.stop(call, value)
        if not isinstance(value, str):
            raise call.gateway.refuse_parameter(call, "stop", "Invalid value for 'stop': expected a string.")

    return replace(gateway, check_stop=check)


@defect(breaks="OC-038")
def honours_the_first_stop_only(gateway: Gateway) -> Gateway:
    """Looks for the first of several stop sequences and forgets the others."""
    return replace(gateway, stops_of=only_stops(lambda stop: stop[:1] if isinstance(stop, list) else stop))


@defect(breaks="OC-039", also=("OC-103",), seen=("C77",))
def misses_a_stop_of_several_tokens(gateway: Gateway) -> Gateway:
    """Finds a stop sequence only when one token holds all of it."""
    return replace(gateway, stop_scanner=_OneToken)
