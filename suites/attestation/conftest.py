"""Evidence fetched once, with nonces that nobody can have seen before, and the verdicts on it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from harness.ask import Ask
from harness.attest.adapters import dstack
from harness.attest.collateral import Trust, load_trust
from harness.attest.verdict import Problem, Rejected
from harness.attest.verify import verify
from harness.exchange import Exchange
from harness.judge.evidence import sent_nonce
from harness.model import NotObserved
from harness.probe import probe

NONCE_BYTES = 32
FEW = 3

Appraisal = Callable[[Exchange], list[Problem]]


@probe(calls=2, prompt_tokens=0)
def evidence(ask: Ask) -> tuple[Exchange, ...]:
    """Evidence of the default model for two nonces."""
    return tuple(ask.evidence.fetch(ask.default_model, secrets.token_bytes(NONCE_BYTES)) for _ in range(2))


@probe(calls=FEW, prompt_tokens=0)
def others(ask: Ask) -> tuple[Exchange, ...]:
    """Evidence of a few other listed models."""
    models = [row["id"] for row in ask.catalogue if row["id"] != ask.default_model][:FEW]
    return tuple(ask.evidence.fetch(model, secrets.token_bytes(NONCE_BYTES)) for model in models)


@pytest.fixture(scope="session")
def trust(ask: Ask) -> Trust:
    """The collateral, and the root, that the target file names."""
    if ask.evidence.trust is None:
        raise NotObserved("the target names no folder of collateral to judge evidence by")
    return load_trust(ask.evidence.trust)


@pytest.fixture(scope="session")
def appraise(trust: Trust) -> Appraisal:
    """Every problem that the judges of attestation find in one answer, over all machines it lists."""

    def found(answer: Exchange) -> list[Problem]:
        assert answer.status == 200, f"the evidence endpoint answered {answer.status}"
        nonce, at = bytes.fromhex(sent_nonce(answer) or ""), datetime.fromisoformat(answer.started)
        try:
            machines = dstack.parse(answer.body)
        except Rejected as rejected:
            return [rejected.problem]
        return [problem for one in machines for problem in verify(one, trust, nonce, at.astimezone(UTC)).problems]

    return found
