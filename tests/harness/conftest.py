"""What the tests of the harness share: a target with small limits, and the calls to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import specs
from harness.asking.ask import Ask
from harness.redact import Redactor
from harness.target import Limits, Secret, Target, Timeouts
from harness.wire.budget import Budget
from harness.wire.client import Client
from harness.wire.journal import Journal

KEY = "vgpu_sk_00112233445566778899aabbccddeeff"
QUICK = Timeouts(connect_s=0.3, first_byte_s=0.2, idle_s=0.15, total_s=0.4)
SMALL = Limits(concurrency=4, max_body_bytes=200_000, max_events=50, max_json_depth=64)


def a_target(url: str, **changes: Any) -> Target:
    fields: dict[str, Any] = {"keys": {"main": Secret("THE_KEY", KEY)}, "timeouts": QUICK, "limits": SMALL}
    return Target(name="test", base_url=url, **{**fields, **changes})


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., Ask]]:
    """Makes an Ask for a URL; closed when the test is over."""
    made: list[Ask] = []

    def connect(url: str, *, contract: str = "openai-core", cap: str = "0.50", **changes: Any) -> Ask:
        target, redactor = a_target(url, **changes), Redactor()
        for secret in target.secrets():
            redactor.add(secret.name, secret.reveal())
        journal = Journal(tmp_path / "exchanges.jsonl", redactor)
        loaded = specs.load(contract)
        client = Client(target, redactor, Budget.for_target(Decimal(cap), target, loaded), journal)
        made.append(Ask(loaded, target, client))
        return made[-1]

    yield connect
    for ask in made:
        ask.client.close()
        ask.client.journal.close()
