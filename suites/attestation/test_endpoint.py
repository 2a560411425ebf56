"""The endpoint that hands out evidence: to whom, from where, in which form, at which price, and under load."""

from __future__ import annotations

import re

import pytest

from harness.judge.calls import credential
from harness.model import NotObserved
from suites.attestation.appraisal import hold
from suites.attestation.conftest import fresh
from suites.purse import open_purse

CACHEABLE = re.compile(r"public|immutable|(?:s-maxage|max-age|stale-while-revalidate)\s*=\s*[1-9]", re.IGNORECASE)
PRIVATE_KEY = re.compile(rb"PRIVATE KEY|\"[a-z_]*(?:private|secret)_key\"\s*:\s*\"[^\"]", re.IGNORECASE)


def served(answers):
    """The answers with evidence. Raises NotObserved when there is none."""
    found = [answer for answer in answers if answer.status == 200]
    if not found:
        raise NotObserved("no fetch of evidence was answered with 200")
    return found


@pytest.mark.requirement("AT-060")
@pytest.mark.cost(calls=2, prompt_tokens=0)
def test_evidence_needs_a_key(ask):
    for key in (None, "wrong"):
        answer = ask.evidence.fetch(ask.default_model, fresh(), key=key)
        assert answer.status == 401, f"a fetch with {key or 'no'} key was answered with {answer.status}"


@pytest.mark.requirement("AT-061")
def test_evidence_is_not_cached(evidence, others):
    for answer in served((*evidence, *others)):
        policy, age = answer.header("Cache-Control") or "", answer.header("Age") or "0"
        assert not CACHEABLE.search(policy), f"evidence is sent with Cache-Control: {policy[:80]}"
        assert age.strip() == "0", f"evidence came out of a cache, at the age of {age[:20]} seconds"


@pytest.mark.requirement("AT-062")
def test_evidence_is_json(evidence, others):
    for answer in served((*evidence, *others)):
        kind = (answer.header("Content-Type") or "none").partition(";")[0].strip().lower()
        assert kind == "application/json", f"evidence has the media type {kind[:60]}"


@pytest.mark.requirement("AT-063")
def test_evidence_holds_no_secret(evidence, others):
    for answer in served((*evidence, *others)):
        key = credential(answer)
        assert not PRIVATE_KEY.search(answer.body), "the evidence holds a private key"
        assert not key or key.encode() not in answer.body, "the evidence repeats the caller's API key"


@pytest.mark.requirement("AT-064")
def test_concurrent_fetches_get_their_own_evidence(crowd, appraisal):
    hold("AT-020", map(appraisal, crowd))
    hold("AT-022", map(appraisal, crowd))


@pytest.mark.requirement("AT-065")
@pytest.mark.cost(calls=1, prompt_tokens=0)
def test_evidence_costs_nothing(ask):
    purse = open_purse(ask)
    before = purse.settled()
    served([ask.evidence.fetch(ask.default_model, fresh(), key=purse.key)])
    charged = before - purse.settled()
    assert charged <= 0, f"a fetch of evidence took {charged:f} USD from the balance"
