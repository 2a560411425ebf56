"""Evidence fetched once, with nonces that nobody can have seen before, and the verdicts on it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

import specs
from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.attest.collateral import Trust, load_trust
from harness.attest.policy import policy_of
from harness.attest.verdict import Problem
from harness.model import NotObserved
from harness.running.session import Session
from harness.wire.exchange import Exchange
from suites.attestation.appraisal import Appraisal, appraised
from suites.attestation.told import told

NONCE_BYTES = 32
FEW = 3
AT_ONCE = 6
STREAMS = 4
LONG = 400  # tokens: a stream must still run when the evidence arrives
COUNT = "Count from 1 to 120, separated by spaces."

Appraise = Callable[[Exchange], Appraisal]


def fresh() -> bytes:
    return secrets.token_bytes(NONCE_BYTES)


@probe(calls=2, prompt_tokens=0)
def evidence(ask: Ask) -> tuple[Exchange, ...]:
    """Evidence of the default model for two nonces."""
    return tuple(ask.evidence.fetch(ask.default_model, fresh()) for _ in range(2))


@probe(calls=FEW, prompt_tokens=0)
def others(ask: Ask) -> tuple[Exchange, ...]:
    """Evidence of a few other listed models."""
    models = [row["id"] for row in ask.catalogue if row["id"] != ask.default_model][:FEW]
    return tuple(ask.evidence.fetch(model, fresh()) for model in models)


@probe(calls=AT_ONCE, prompt_tokens=0)
def crowd(ask: Ask) -> list[Exchange]:
    """Evidence of the default model, fetched by several at the same time."""
    return ask.parallel([lambda: ask.evidence.fetch(ask.default_model, fresh()) for _ in range(AT_ONCE)])


@probe(calls=2 * STREAMS, prompt_tokens=20 * STREAMS, completion_tokens=LONG * STREAMS)
def busy(ask: Ask) -> list[Exchange]:
    """Evidence of the default model, each fetched in the middle of a stream, while other streams run."""
    fetched: list[Exchange] = []

    def stream() -> Exchange:
        look = partial(ask.evidence.fetch, ask.default_model, fresh())
        return ask.chat(COUNT, stream=True, max_tokens=LONG, during=lambda: fetched.append(look()))

    ask.parallel([stream] * STREAMS)
    if not fetched:
        raise NotObserved("no answer streamed, so no evidence could be asked for meanwhile")
    return fetched


@probe(calls=4, prompt_tokens=0)
def odd_nonces(ask: Ask) -> dict[str, Exchange]:
    """What the endpoint says to nonces that are none, by what is wrong with them."""
    given = {
        "short": fresh().hex()[:-2],
        "long": fresh().hex() + "00",
        "not hex": "zz" + fresh().hex()[2:],
        "empty": "",
    }
    query = {"model": ask.default_model, "signing_algo": "ecdsa"}
    return {name: ask.evidence.ask({**query, "nonce": nonce}) for name, nonce in given.items()}


@dataclass(frozen=True)
class Withdrawal:
    """Answers to a fetch of evidence while a model is without its flag, and after."""

    model: str
    without: Exchange
    restored: Exchange


@probe(calls=2, prompt_tokens=0)
def withdrawal(ask: Ask, spares: Callable[[int], str]) -> Withdrawal:
    spare = spares(3)
    with ask.control.flipped(spare):
        without = ask.evidence.fetch(spare, fresh())
    return Withdrawal(spare, without, ask.evidence.fetch(spare, fresh()))


@pytest.fixture(scope="session")
def trust(ask: Ask) -> Trust:
    """The collateral, and the root, that the target file names."""
    if ask.evidence.trust is None:
        raise NotObserved("the target names no folder of collateral to judge evidence by")
    return load_trust(ask.evidence.trust)


@pytest.fixture(scope="session")
def policy(ask: Ask) -> Mapping[str, Any]:
    """The attestation policy that the target names, as its file says it."""
    return specs.policy(ask.evidence.policy)


@pytest.fixture(scope="session")
def appraisal(ask: Ask, assay_session: Session, trust: Trust, policy: Mapping[str, Any]) -> Appraise:
    """What the judges of attestation say of an answer; each is judged once, however many checks ask."""
    known, demands = dict[str, Appraisal](), policy_of(policy)

    def of(answer: Exchange) -> Appraisal:
        if answer.id not in known:
            known[answer.id] = appraised(answer, trust, demands)
            if ask.evidence.trust is not None and "attestation" not in assay_session.figures:
                assay_session.figures["attestation"] = told(answer, ask.evidence.trust, trust, dict(policy))
        return known[answer.id]

    return of


@pytest.fixture(scope="session")
def measured(appraisal: Appraise) -> Callable[[Exchange], Mapping[str, str]]:
    """The fields of the quote that an answer shows first, as hex. Raises NotObserved when there is none to read."""

    def of(answer: Exchange) -> Mapping[str, str]:
        found = appraisal(answer).reports
        if not found or not found[0].quote.measurements:
            raise NotObserved("the evidence holds no quote that can be read")
        return found[0].quote.measurements

    return of


@pytest.fixture(scope="session")
def appraise(appraisal: Appraise) -> Callable[[Exchange], list[Problem]]:
    """Every problem that the judges of attestation find in one answer, over all machines it lists."""

    def found(answer: Exchange) -> list[Problem]:
        assert answer.status == 200, f"the evidence endpoint answered {answer.status}"
        return appraisal(answer).problems

    return found
