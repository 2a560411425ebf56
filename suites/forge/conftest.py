"""Leases and kubeconfigs that several checks read; all leases end with the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.wire.exchange import Exchange
from suites.forge.leasing import Held, Leasing, Minted
from suites.orders import between


@pytest.fixture(scope="session")
def leasing(ask: Ask) -> Iterator[Leasing]:
    made = Leasing(ask)
    yield made
    made.clear()


@probe(calls=1)
def availability(ask: Ask, leasing: Leasing) -> Exchange:
    return leasing.available()


@probe(calls=1)
def ordered(ask: Ask, leasing: Leasing) -> Exchange:
    """The answer to an order of two GPUs on demand, with a namespace of one's own."""
    return leasing.order(count=2, namespace_name="assay-ordered")


@probe(calls=12)
def lease(ask: Ask, leasing: Leasing) -> dict[str, Any]:
    """A lease that is active."""
    return leasing.running()


@probe(calls=3)
def minted(ask: Ask, leasing: Leasing, lease: dict[str, Any]) -> Minted:
    """A kubeconfig of that lease for an hour."""
    held = Held()
    answer, times = between(ask, lambda: leasing.mint(lease, held, ttl_seconds=3600))
    return Minted(lease, answer, held, times, held.open)
