"""Shelves: one of the main account, one of another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.asking.ask import Ask
from suites.vector_store.shelf import Shelf


@pytest.fixture
def shelf(ask: Ask) -> Iterator[Shelf]:
    made = Shelf(ask)
    yield made
    made.clear()


@pytest.fixture
def strangers(ask: Ask) -> Iterator[Shelf]:
    """The shelf of another account."""
    made = Shelf(ask, "second_tenant")
    yield made
    made.clear()
