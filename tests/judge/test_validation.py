"""Rules for invalid requests: the right refusal passes, an answer or another status does not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.asking.ask import OMIT
from harness.judge import Rule, judge
from harness.judge import validation as rules
from harness.wire.exchange import Exchange
from specs import Contract, load
from suites import invalid
from tests.judge.builders import asked, completion, good_completion

ALL = [value for value in vars(rules).values() if isinstance(value, Rule)]
ERROR = {"error": {"message": "no", "type": "invalid_request_error"}}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load("openai-core")


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in asked().items() if key != name}


def failed(x: Exchange, contract: Contract) -> set[str]:
    return {finding.requirement for made in ALL for finding in judge(made, [x], contract).findings}


def subjects(x: Exchange, contract: Contract) -> set[str]:
    return {made.requirement for made in ALL if judge(made, [x], contract).subjects}


INVALID = [
    (asked(messages=[{"role": "wizard", "content": "x"}]), "OC-024"),
    (without("model"), "OC-025"),
    (without("messages"), "OC-026"),
    (asked(messages=[]), "OC-027"),
    (asked(messages="x"), "OC-028"),
    (asked(messages={"role": "user"}), "OC-028"),
    (asked(messages=["x"]), "OC-028"),
    (b'{"model": ', "OC-029"),
    (b"", "OC-029"),
    (asked(max_tokens=0), "OC-033"),
    (asked(max_tokens=-1), "OC-033"),
    (asked(temperature=2.1), "OC-034"),
    (asked(temperature=-0.1), "OC-034"),
    (asked(top_p=1.1), "OC-035"),
    (asked(top_p=-1), "OC-035"),
    (asked(response_format={"type": "yaml"}), "OC-047"),
    (asked(temperature="hot"), "OC-051"),
    (asked(stream="yes"), "OC-051"),
    (asked(n=1.5), "OC-051"),
    (asked(max_tokens=[16]), "OC-051"),
    (asked(n=0), "OC-052"),
]


@pytest.mark.parametrize(("request_", "requirement"), INVALID)
def test_a_refusal_passes_and_an_answer_does_not(request_: Any, requirement: str, contract: Contract) -> None:
    assert subjects(completion(ERROR, request=request_, status=400), contract) == {requirement}
    assert failed(completion(ERROR, request=request_, status=422), contract) == set()
    assert failed(completion(good_completion(), request=request_), contract) == {requirement}
    assert failed(completion(ERROR, request=request_, status=500), contract) == {requirement}


def test_the_contract_says_which_status_is_due() -> None:
    x = completion(ERROR, request=asked(temperature=9), status=422)
    assert failed(x, load("voltagegpu-confidential")) == {"OC-034"}


@pytest.mark.parametrize("status", [401, 402, 403, 413, 429, 503])
def test_a_refusal_for_another_reason_is_no_subject(status: int, contract: Contract) -> None:
    assert subjects(completion(ERROR, request=asked(temperature=9), status=status), contract) == set()


def test_an_unknown_model_may_be_told_first_but_a_missing_one_is_no_unknown_one(contract: Contract) -> None:
    assert failed(completion(ERROR, request=asked(temperature=9), status=404), contract) == set()
    assert failed(completion(ERROR, request=without("model"), status=404), contract) == {"OC-025"}


@pytest.mark.parametrize(
    "request_",
    [
        asked(temperature=2, top_p=0, n=1),
        asked(temperature=None, n=None, stream=None, max_tokens=None),
        asked(temperature="0.7"),
        asked(messages=[{"role": "developer", "content": "x"}, {"role": "tool", "content": "x", "tool_call_id": "1"}]),
        asked(response_format={"type": "grammar"}),
        asked(n=1.0),
        b'{"model": "m", "messages": [], "x": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_a_server_may_accept_is_not_called_refusable(request_: Any, contract: Contract) -> None:
    assert failed(completion(good_completion(), request=request_), contract) <= {"OC-027"}


@pytest.mark.parametrize("name", invalid.MEMBERS)
def test_every_invalid_request_of_the_suites_is_the_subject_of_one_rule(name: str, contract: Contract) -> None:
    body = {**asked(), **invalid.RIGHT, **invalid.MEMBERS[name]}
    sent = {member: value for member, value in body.items() if value is not OMIT}
    assert len(subjects(completion(ERROR, request=sent, status=400), contract)) == 1


def test_the_broken_body_of_the_suites_is_no_json(contract: Contract) -> None:
    assert subjects(completion(ERROR, request=invalid.BROKEN_JSON, status=400), contract) == {"OC-029"}
