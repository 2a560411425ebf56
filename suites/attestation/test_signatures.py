"""Signed answers: the bytes that arrived are the bytes that were signed, by the key that the evidence binds."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from harness.asking.probe import probe
from harness.attest.signature import judge_signature, read_signature
from harness.attest.verdict import Rejected
from harness.judge.chat import chunks, member
from harness.model import NotObserved
from suites.attestation.appraisal import said
from suites.attestation.grounds import owner


def path_of(answer):
    """Where the signature of a finished answer is. Raises NotObserved when there is none to speak of."""
    first = answer.json if not answer.is_stream else next(iter(chunks(answer)), None)
    found = member(first, "id")
    if answer.status != 200 or not isinstance(found, str):
        raise NotObserved("there is no finished answer with an id")
    return f"/signature/{quote(found, safe='')}"


@probe(calls=2, prompt_tokens=0)
def signed(ask, plain, counted_stream):
    """Two finished answers, one of them a stream, each with what the endpoint says when asked to sign it."""
    return tuple((answer, ask.send("GET", path_of(answer))) for answer in (plain, counted_stream))


@pytest.fixture(scope="session")
def attested(evidence, appraisal):
    """The address that accepted evidence binds, None where none is accepted."""
    one = appraisal(evidence[0])
    return one.machines[0].fields.get("address") if one.reports and one.reports[0].accepted else None


@pytest.fixture(scope="session")
def signatures(signed, attested):
    """What the judges say of both signatures. Raises NotObserved when one was refused."""

    def problems(answer, given):
        if given.status != 200:
            raise NotObserved(f"the signature of a finished answer was refused with {given.status}")
        try:
            made = read_signature(given.body)
        except Rejected as rejected:
            return [rejected.problem]
        return judge_signature(made, answer.request.body, answer.body, attested)

    return lambda: [problem for answer, given in signed for problem in problems(answer, given)]


def hold(requirement, problems):
    own = [problem for problem in problems if owner(problem.code) == requirement]
    assert not own, f"a signed answer breaks it: {said(own)}"
    unread = [problem for problem in problems if owner(problem.code) == "AT-070"]
    if unread:
        raise NotObserved(f"the signature cannot be read: {unread[0].code}")


@pytest.mark.requirement("AT-070")
def test_answer_can_be_had_signed(signed, signatures):
    refused = [given.status for _, given in signed if given.status != 200]
    assert not refused, f"the signatures of finished answers were refused with {refused}"
    hold("AT-070", signatures())


@pytest.mark.requirement("AT-071")
def test_signature_is_by_the_key_it_names(signatures):
    hold("AT-071", signatures())


@pytest.mark.requirement("AT-072")
def test_signer_is_the_attested_key(signatures, attested):
    if attested is None:
        raise NotObserved("no evidence was accepted, so no key is attested")
    hold("AT-072", signatures())


@pytest.mark.requirement("AT-073")
def test_signed_request_is_ours(signatures):
    hold("AT-073", signatures())


@pytest.mark.requirement("AT-074")
def test_signed_answer_is_the_one_received(signatures):
    hold("AT-074", signatures())


@pytest.mark.requirement("AT-075")
@pytest.mark.cost(calls=2, prompt_tokens=0)
def test_stranger_gets_no_signature(ask, plain):
    for key in ("second_tenant", None):
        given = ask.send("GET", path_of(plain), key=key)
        if given.status >= 429:
            raise NotObserved(f"the signature endpoint answered {given.status}")
        assert given.status >= 400, f"the signature was given to {key or 'a caller without a key'}"
