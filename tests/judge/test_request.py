"""Rules for parameters and structured output: what the request asked decides what the answer owes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge import Rule, judge, structured
from harness.judge import request as rules
from harness.wire.exchange import Exchange
from specs import Contract, load
from tests.judge.builders import asked, completion, good_choice, good_completion

ALL = [value for module in (rules, structured) for value in vars(module).values() if isinstance(value, Rule)]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load("openai-core")


def failed(x: Exchange, contract: Contract) -> set[str]:
    return {finding.requirement for made in ALL for finding in judge(made, [x], contract).findings}


def subjects(x: Exchange, contract: Contract) -> set[str]:
    return {made.requirement for made in ALL if judge(made, [x], contract).subjects}


def said(content: str, **choice: Any) -> dict[str, Any]:
    return good_completion(choices=[good_choice(content, **choice)])


def entry(token: str, logprob: Any = -0.5, **members: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), "top_logprobs": [], **members}


def logged(*entries: Any, content: str = "Hello.") -> dict[str, Any]:
    return said(content, logprobs={"content": list(entries)})


def schema(strict: bool = True) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "c", "strict": strict, "schema": SCHEMA}}


LOGPROBS = asked(logprobs=True)
ALTERNATIVES = asked(logprobs=True, top_logprobs=1)
JSON_OBJECT = asked(response_format={"type": "json_object"})
HALVES = (entry("Hel"), entry("lo."))
SPLIT = (entry("�", bytes=[0xF0, 0x9F]), entry("�", bytes=[0xA6, 0x8A]))


@pytest.mark.parametrize(
    ("request_", "document", "requirement"),
    [
        (asked(max_tokens=2), said("Hello."), "OC-031"),
        (asked(max_tokens=OSError, max_completion_tokens=2), said("Hello."), "OC-032"),
        (asked(max_tokens=1, n=2), said("Hello."), "OC-031"),
        (asked(stop="!"), said("Hello."), "OC-037"),
        (asked(stop=["!", "?"]), said("Hello."), "OC-038"),
        (LOGPROBS, logged(*HALVES), "OC-041"),
        (LOGPROBS, logged(*HALVES, entry("<|end|>")), "OC-041"),
        (LOGPROBS, logged(*SPLIT, content="🦊"), "OC-041"),
        (LOGPROBS, logged(entry("Hi"), SPLIT[0], content="Hi"), "OC-041"),  # a bound cut inside a character
        (ALTERNATIVES, logged(entry("Hello.", top_logprobs=[{"token": "H"}])), "OC-042"),
        (JSON_OBJECT, said('{"city": "Oslo"}'), "OC-045"),
        (asked(response_format=schema()), said('{"city": "Oslo"}'), "OC-046"),
    ],
)
def test_right_answers_are_subjects_and_pass(
    request_: Any, document: Any, requirement: str, contract: Contract
) -> None:
    request_ = {name: value for name, value in request_.items() if value is not OSError}
    x = completion(document, request=request_)
    assert requirement in subjects(x, contract)
    assert failed(x, contract) - {"OC-040"} == set()


@pytest.mark.parametrize(
    ("request_", "document", "broken"),
    [
        (asked(max_tokens=1), said("Hello."), {"OC-031"}),
        (asked(max_completion_tokens=1), said("Hello."), {"OC-032"}),
        (asked(stop="lo"), said("Hello."), {"OC-037"}),
        (asked(stop=["?", "lo"]), said("Hello."), {"OC-038"}),
        (asked(stop="two three"), said("one two three"), {"OC-037", "OC-039"}),
        (asked(n=2), said("Hello."), {"OC-040"}),
        (LOGPROBS, said("Hello."), {"OC-041"}),
        (LOGPROBS, logged(entry("Hel")), {"OC-041"}),
        (LOGPROBS, logged(entry("Hello.", 0.5)), {"OC-041"}),
        (LOGPROBS, logged(entry("Hello.", bytes="Hello.")), {"OC-041"}),
        (LOGPROBS, logged(entry("Hello.", top_logprobs=None)), {"OC-041"}),
        (LOGPROBS, logged("Hello."), {"OC-041"}),
        (ALTERNATIVES, logged(entry("Hello.", top_logprobs=[{}, {}])), {"OC-042"}),
        (asked(logprobs=True, top_logprobs=0), said("Hello."), {"OC-041", "OC-042"}),
        (JSON_OBJECT, said("Oslo"), {"OC-045"}),
        (JSON_OBJECT, said('```json\n{"city": 1}\n```'), {"OC-045"}),
        (JSON_OBJECT, said("[1]"), {"OC-045"}),
        (asked(response_format=schema()), said("Oslo"), {"OC-046"}),
        (asked(response_format=schema()), said('{"city": 5}'), {"OC-046"}),
    ],
)
def test_each_fault_is_found(request_: Any, document: Any, broken: set[str], contract: Contract) -> None:
    if "max_completion_tokens" in request_:
        request_ = {name: value for name, value in request_.items() if name != "max_tokens"}
    assert failed(completion(document, request=request_), contract) == broken


@pytest.mark.parametrize(
    ("request_", "document"),
    [
        (asked(response_format=schema(strict=False)), said("{}")),
        (JSON_OBJECT, said('{"ci', finish_reason="length")),
        (
            asked(response_format={"type": "json_schema", "json_schema": {"strict": True, "schema": {"type": 5}}}),
            said("1"),
        ),
        (
            asked(
                response_format={
                    "type": "json_schema",
                    "json_schema": {"strict": True, "schema": {"$ref": "http://x/y"}},
                }
            ),
            said("1"),
        ),
    ],
    ids=["not-strict", "cut", "broken-schema", "schema-elsewhere"],
)
def test_what_cannot_be_judged_is_not_judged(request_: Any, document: Any, contract: Contract) -> None:
    assert failed(completion(document, request=request_), contract) == set()


def test_a_document_that_a_stop_sequence_may_have_cut_is_not_judged(contract: Contract) -> None:
    request = asked(response_format={"type": "json_object"}, stop=["s"])
    assert "OC-045" not in subjects(completion(said('{"an'), request=request), contract)
