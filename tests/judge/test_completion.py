"""Rules for the completion object and token counts: a good answer passes all, each fault is named by its own rule."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge import Rule, judge, tokens
from harness.judge import completion as rules
from harness.wire.exchange import Exchange, Fault
from specs import Contract, load
from tests.judge.builders import CREATED, MODEL, asked, completion, good_choice, good_completion, good_stream, stream

ALL = [value for module in (rules, tokens) for value in vars(module).values() if isinstance(value, Rule)]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load("openai-core")


def failed(x: Exchange, contract: Contract) -> set[str]:
    """The requirements that some rule finds broken in an exchange."""
    return {finding.requirement for made in ALL for finding in judge(made, [x], contract).findings}


def message(**members: Any) -> dict[str, Any]:
    return good_completion(choices=[good_choice(message={"role": "assistant", "content": "Hello.", **members})])


def usage(prompt: Any, completion_: Any, total: Any, **members: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion_, "total_tokens": total}
    return good_completion(usage={**counts, **members})


def test_a_good_answer_breaks_nothing_and_is_subject_of_every_rule(contract: Contract) -> None:
    x = completion(good_completion())
    assert failed(x, contract) == set()
    assert [made.name for made in ALL if judge(made, [x], contract).subjects == 0] == []


@pytest.mark.parametrize(
    "document",
    [
        good_completion(model=f"{MODEL}-2026-01-31"),
        good_completion(created=CREATED + 299),
        good_completion(choices=[good_choice(None, message={"role": "assistant", "content": None, "refusal": "No."})]),
        good_completion(choices=[good_choice("b", index=1), good_choice("a")]),
        good_completion(choices=[good_choice("")], usage=usage(9, 0, 9)["usage"]),
        good_completion(choices=[good_choice(logprobs=None)]),
        usage(9, 900, 909, completion_tokens_details={"reasoning_tokens": 890}),
    ],
    ids=["dated", "skew", "refused", "two", "empty", "null-logprobs", "reasoning"],
)
def test_legitimate_answers_pass(document: Any, contract: Contract) -> None:
    assert failed(completion(document), contract) == set()


@pytest.mark.parametrize(
    ("document", "broken"),
    [
        (good_completion(id=""), "OC-002"),
        (good_completion(id=7), "OC-002"),
        (good_completion(object="text_completion"), "OC-004"),
        (good_completion(created=CREATED * 1000), "OC-005"),
        (good_completion(created=str(CREATED)), "OC-005"),
        (good_completion(created=True), "OC-005"),
        (good_completion(model="org/other"), "OC-006"),
        (good_completion(model=f"{MODEL}-mini"), "OC-006"),
        (good_completion(choices=[]), "OC-007"),
        (good_completion(choices=None), "OC-007"),
        (good_completion(choices=[good_choice(index=1)]), "OC-007"),
        (good_completion(choices=[good_choice(), good_choice()]), "OC-007"),
        (message(role="model"), "OC-008"),
        (message(content=None), "OC-009"),
        (message(content=[{"type": "text", "text": "Hello."}]), "OC-009"),
        (good_completion(choices=[good_choice(finish_reason="end_turn")]), "OC-010"),
        (good_completion(choices=[good_choice(finish_reason=None)]), "OC-010"),
        (good_completion(choices=[good_choice(finish_reason={})]), "OC-010"),
        (good_completion(usage=None), "OC-011"),
        (usage(True, 2, 3), "OC-011"),
        (usage(9.0, 2, 11), "OC-011"),
        (usage(9, -2, 7), "OC-011"),
        (usage(9, 2, 9), "OC-012"),
        (message(content="<think>hm</think>Hello."), "OC-013"),
        (good_completion(choices=[good_choice(logprobs={"content": []})]), "OC-053"),
        (usage(9, 0, 9), "OC-142"),
        (usage(9, 23, 32), "OC-142"),
        (usage(900, 2, 902), "OC-143"),
    ],
)
def test_each_fault_is_found_by_its_own_rule_alone(document: Any, broken: str, contract: Contract) -> None:
    assert failed(completion(document), contract) == {broken}


def test_an_answer_that_is_no_json_object_breaks_the_first_rule_alone(contract: Contract) -> None:
    assert failed(completion([good_completion()]), contract) == {"OC-001"}
    assert failed(completion(b"<html>", headers={"Content-Type": "text/html"}), contract) == {"OC-001"}
    assert failed(completion(good_completion(), headers={"Content-Encoding": "br"}), contract) == {"OC-001"}
    assert failed(completion(good_completion(), headers={"Content-Encoding": "gzip"}), contract) == {"OC-001"}


def test_refusals_broken_calls_and_other_operations_are_no_subjects(contract: Contract) -> None:
    strangers = [
        completion({"error": {}}, status=400),
        completion(b"", status=None, fault=Fault("connect", "refused")),
        completion({"object": "list"}, method="GET", path="/models"),
    ]
    assert [judge(made, strangers, contract).subjects for made in ALL] == [0] * len(ALL)


def test_think_markup_is_found_in_streams_and_excused_when_the_prompt_speaks_of_it(contract: Contract) -> None:
    assert "OC-013" in failed(stream(good_stream("<thi", "nk>hm</think>")), contract)
    about = asked(messages=[{"role": "user", "content": "Write <think>"}])
    assert "OC-013" not in failed(completion(message(content="<think>"), request=about), contract)
