"""Probes of Spark, and a tenant whose usage nobody else changes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.asking.probe import probe
from harness.judge import catalogue as lists
from harness.judge import volt
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.reading import accepted

REFUSALS = {403, 503}  # of a pin that cannot be honoured
NOWHERE = "zz-assay-nowhere"  # no metro, no pod


def with_capability(ask: Ask, *names: str) -> str:
    """The first listed model with one of these capabilities."""
    for row in ask.catalogue:
        if set(names) & set(row.get("capabilities") or ()):
            return str(row["id"])
    raise NotObserved(f"no model of the catalogue has the capability {' or '.join(names)}")


@probe(calls=1, prompt_tokens=8, completion_tokens=16)
def completed(ask: Ask) -> Exchange:
    """A text completion."""
    asked = {"model": ask.default_model, "prompt": "Once upon a time", "max_tokens": 16}
    return ask.send("POST", "/completions", json=asked)


@probe(calls=1, prompt_tokens=16)
def embedded(ask: Ask) -> Exchange:
    """Vectors of three texts, the first and the last of which are the same."""
    texts = ["a red fox in the snow", "the price of copper", "a red fox in the snow"]
    return ask.send("POST", "/embeddings", json={"model": with_capability(ask, "embedding"), "input": texts})


@probe(calls=1)
def job(ask: Ask) -> Exchange:
    """A LoRA job with everything that can be left out left out."""
    asked = {"base_model": with_capability(ask, "fine_tuning"), "training_file": ask.named("training_file")}
    return ask.send("POST", "/fine-tuning/jobs", json=asked)


@probe(calls=1)
def job_read(ask: Ask, job: Exchange) -> Exchange:
    assert job.status == 202, f"a LoRA job was answered with {job.status}"
    return ask.send("GET", f"/fine-tuning/jobs/{job.json['id']}")


@pytest.fixture(scope="session")
def tiers(catalogue: Exchange) -> dict[str, tuple[str, ...]]:
    """Which tiers serve each listed model."""
    found = {row["id"]: tuple(row.get("tiers") or ()) for row in lists.rows(accepted(catalogue))}
    if not any(found.values()):
        raise NotObserved("no row of the catalogue tells its tiers")
    return found


@pytest.fixture(scope="session")
def place(plain: Exchange) -> dict[str, str]:
    """Where an ordinary request was served: pod_id, metro and tier."""
    found = {name: volt.served(accepted(plain), name) for name in ("pod_id", "metro", "tier")}
    if not all(found.values()):
        raise NotObserved("an ordinary answer does not say where it was served")
    return {name: str(value) for name, value in found.items()}


@pytest.fixture
def tenant(ask: Ask) -> Credential:
    """A key of a tenant whose usage only this test changes."""
    if ask.target.control is not None:
        return ask.control.issue_key(balance_usd="5")
    if not ask.alone:
        raise NotObserved("without a control API the usage of the one tenant is changed by other processes of this run")
    return "main"


def usage(ask: Ask, key: Credential = "main", query: str = "") -> list[dict[str, Any]]:
    """The series of today, or of what the query says."""
    found: list[dict[str, Any]] = accepted(ask.send("GET", f"/usage{query}", key=key), "GET /usage").json["series"]
    return found
