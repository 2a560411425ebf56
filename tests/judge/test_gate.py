"""Rules for the gate: honest answers and listings pass, another model's name and a missing flag are found."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge import Rule, gate, judge
from harness.wire.exchange import Exchange
from specs import Contract, load
from tests.judge.builders import MODEL, completion, good_chunk, good_completion, good_stream, stream


@pytest.fixture(scope="module")
def voltage() -> Contract:
    return load("voltagegpu-confidential")


def problems(rule: Rule, x: Exchange, contract: Contract) -> list[str]:
    return [finding.message for finding in judge(rule, [x], contract).findings]


def listing(*rows: dict[str, Any]) -> Exchange:
    return completion({"object": "list", "data": list(rows)}, method="GET", path="/models")


@pytest.mark.parametrize("named", [MODEL, f"{MODEL}-2026-11-20"])
def test_an_answer_in_the_name_of_the_model_is_right(voltage: Contract, named: str) -> None:
    answer = completion(good_completion(model=named))
    assert problems(gate.answer_names_the_model_asked_for, answer, voltage) == []


@pytest.mark.parametrize("named", ["org/other", f"{MODEL}-TEE", MODEL.upper(), "", None, 7, {"id": MODEL}])
def test_an_answer_in_another_name_is_found(voltage: Contract, named: Any) -> None:
    answer = completion(good_completion(model=named))
    assert len(problems(gate.answer_names_the_model_asked_for, answer, voltage)) == 1


def test_a_stream_that_changes_its_model_is_found(voltage: Contract) -> None:
    right, wrong = stream(good_stream()), stream([good_chunk("a"), good_chunk("b", model="org/plain"), "[DONE]"])
    assert problems(gate.answer_names_the_model_asked_for, right, voltage) == []
    assert len(problems(gate.answer_names_the_model_asked_for, wrong, voltage)) == 1


@pytest.mark.parametrize("status", [400, 401, 503])
def test_a_refusal_names_no_model(voltage: Contract, status: int) -> None:
    refusal = completion({"model": "org/other", "error": {}}, status=status)
    assert judge(gate.answer_names_the_model_asked_for, [refusal], voltage).subjects == 0


def test_flagged_rows_are_right(voltage: Contract) -> None:
    row = {"id": MODEL, "confidential_compute": True}
    retrieved = completion(row, method="GET", path=f"/models/{MODEL}")
    assert judge(gate.shown_models_carry_the_flag, [listing(row, row), retrieved], voltage).findings == ()
    assert judge(gate.shown_models_carry_the_flag, [listing(row, row), retrieved], voltage).subjects == 2


@pytest.mark.parametrize("flag", [False, "true", 1, None])
def test_a_row_without_the_flag_is_found(voltage: Contract, flag: Any) -> None:
    row = {"id": MODEL, "confidential_compute": flag}
    retrieved = completion(row, method="GET", path=f"/models/{MODEL}")
    assert len(problems(gate.shown_models_carry_the_flag, listing(row, {"id": "b"}), voltage)) == 2
    assert len(problems(gate.shown_models_carry_the_flag, retrieved, voltage)) == 1
