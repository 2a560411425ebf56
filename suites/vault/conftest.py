"""Racks that several checks read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.wire.exchange import Exchange
from suites.orders import between, others_key
from suites.vault.racking import REPORT, Downloaded, Racking


@pytest.fixture(scope="session")
def racking(ask: Ask) -> Racking:
    return Racking(ask)


@probe(calls=1)
def requested(ask: Ask, racking: Racking) -> Exchange:
    """The answer to a request for a rack of the dense kind."""
    return racking.request(rack_template="dense_16gpu", managed_kubernetes=True)


@probe(calls=12)
def rack(ask: Ask, racking: Racking) -> dict[str, Any]:
    """A rack that is ready."""
    return racking.ready()


@probe(calls=12)
def other_rack(ask: Ask, racking: Racking) -> dict[str, Any]:
    """A second one of the same tenant. Only a laboratory builds it."""
    return dict(racking.built(racking.rack())[-1])


@probe(calls=12)
def theirs(ask: Ask, racking: Racking) -> dict[str, Any]:
    """A rack of another tenant."""
    return racking.ready(key=others_key(ask))


@probe(calls=3)
def reported(ask: Ask, racking: Racking, rack: Mapping[str, Any]) -> tuple[Exchange, Any]:
    """The report, and the target's time before and after it."""
    return between(ask, lambda: racking.below(rack, REPORT))


@probe(calls=1)
def downloaded(ask: Ask, racking: Racking, rack: Mapping[str, Any]) -> Downloaded:
    return racking.download(rack)


@probe(calls=2)
def credentials(ask: Ask, racking: Racking, rack: Mapping[str, Any]) -> tuple[tuple[Exchange, Any], ...]:
    """Credentials that were minted twice, each with the target's time before and after."""
    return tuple(between(ask, lambda: racking.credentials(rack)) for _ in range(2))
