"""Evidence is made for the nonce that was sent and for the key that it shows, and for nothing less."""

from __future__ import annotations

import pytest

from harness.judge import evidence as face
from harness.judge.chat import member, shown
from harness.model import NotObserved
from suites.attestation.appraisal import hold
from suites.attestation.conftest import fresh

HALF = 32 * 2  # hex digits


def refused(answer, what):
    """A client error and no quote; an answer of 5xx neither refuses nor serves."""
    if answer.status >= 429:
        raise NotObserved(f"a fetch with {what} was answered with {answer.status}")
    quote = shown(member(answer.json, "intel_quote"), 20) if answer.status < 400 else None
    assert answer.status >= 400, f"a fetch with {what} was answered with {answer.status} and a quote {quote}"


@pytest.mark.requirement("AT-020")
def test_quote_binds_nonce_and_key(evidence, others, appraisal):
    hold("AT-020", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-021")
def test_each_nonce_gets_its_own_quote(evidence, measured):
    first, second = (measured(answer)["report_data"] for answer in evidence)
    assert first != second, "two nonces brought the same report_data"


@pytest.mark.requirement("AT-022")
def test_repeated_nonce_is_ours(evidence, appraisal, holds):
    hold("AT-022", map(appraisal, evidence))
    holds(face.evidence_repeats_our_nonce, *evidence)


@pytest.mark.requirement("AT-023")
def test_public_key_belongs_to_the_address(evidence, others, appraisal):
    if not any(machine.public_key for answer in evidence for machine in appraisal(answer).machines):
        raise NotObserved("the evidence shows no public key")
    hold("AT-023", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-024")
def test_report_data_is_not_left_empty(evidence, measured):
    for data in (measured(answer)["report_data"] for answer in evidence):
        assert data[:HALF].strip("0"), "the half of report_data that names a key is all zeros"
        assert data[HALF:].strip("0"), "the half of report_data that holds the nonce is all zeros"


@pytest.mark.requirement("AT-025")
def test_short_nonce_is_refused(odd_nonces):
    refused(odd_nonces["short"], "a nonce of 31 bytes")


@pytest.mark.requirement("AT-026")
def test_long_nonce_is_refused(odd_nonces):
    refused(odd_nonces["long"], "a nonce of 33 bytes")


@pytest.mark.requirement("AT-027")
def test_nonce_that_is_not_hex_is_refused(odd_nonces):
    refused(odd_nonces["not hex"], "a nonce that is not hex")


@pytest.mark.requirement("AT-028")
def test_empty_nonce_is_refused_or_told(odd_nonces):
    answer = odd_nonces["empty"]
    if answer.status < 400:
        assert member(answer.json, "request_nonce"), "an empty nonce was replaced by one that is not told"
    else:
        refused(answer, "an empty nonce")


@pytest.mark.requirement("AT-029")
@pytest.mark.cost(calls=2, prompt_tokens=0)
def test_signing_algorithm_asked_for_is_the_one_bound(ask, appraisal):
    modern = ask.evidence.fetch(ask.default_model, fresh(), algo="ed25519")
    unknown = ask.evidence.fetch(ask.default_model, fresh(), algo="rot13")
    refused(unknown, "an unknown signing algorithm")
    if modern.status < 400:
        told = member(modern.json, "signing_algo")
        assert told == "ed25519", f"asked for an ed25519 key, the evidence is for {shown(told, 40)}"
        hold("AT-020", [appraisal(modern)])
