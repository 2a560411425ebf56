"""The catalogue and the evidence agree: what is listed as confidential has a good quote, and nothing else has one."""

from __future__ import annotations

import pytest

from harness.model import NotObserved
from suites.attestation.appraisal import said
from suites.attestation.conftest import fresh
from suites.attestation.test_freshness import refused
from suites.denials import UNKNOWN_MODEL


@pytest.mark.requirement("AT-050")
def test_listed_models_have_good_evidence(evidence, others, appraise):
    faults = {answer.request.url: appraise(answer) for answer in (evidence[0], *others)}
    bad = [problem for problems in faults.values() for problem in problems]
    count = sum(bool(problems) for problems in faults.values())
    assert not bad, f"of {len(faults)} models listed as confidential {count} have no good evidence: {said(bad)}"


@pytest.mark.requirement("AT-051")
@pytest.mark.cost(calls=1, prompt_tokens=0)
def test_plain_model_has_no_evidence(ask, contract):
    plain = contract.trait("catalogue.non_confidential_example")
    refused(ask.evidence.fetch(plain, fresh()), f"the plain model {plain}")


@pytest.mark.requirement("AT-052")
@pytest.mark.cost(calls=2, prompt_tokens=0)
def test_unknown_model_has_no_evidence(ask):
    refused(ask.evidence.fetch(UNKNOWN_MODEL, fresh()), "a model that does not exist")
    refused(ask.evidence.ask({"nonce": fresh().hex(), "signing_algo": "ecdsa"}), "no model")


@pytest.mark.requirement("AT-053")
def test_lost_flag_takes_the_evidence_along(withdrawal, appraisal):
    refused(withdrawal.without, f"{withdrawal.model}, which has lost its flag,")
    again = withdrawal.restored
    if again.status >= 429:
        raise NotObserved(f"the evidence endpoint answered {again.status}")
    assert again.status == 200, f"{withdrawal.model} has its flag back, and its evidence is refused with {again.status}"
