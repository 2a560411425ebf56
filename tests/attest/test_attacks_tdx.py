"""The attack list as a table: every case is rejected with its code, every control accepted. Run with -s to see it."""

from __future__ import annotations

import pytest

from harness.attest import Code
from tests.attest import attacks_collateral, attacks_document, attacks_domain, attacks_quote
from tests.attest.forge import Make

GROUPS = (*attacks_quote.GROUPS, *attacks_collateral.GROUPS, *attacks_domain.GROUPS)
ROWS = {name: row for group in GROUPS for name, row in group.items()}
DOCUMENTS = {**attacks_document.LOG, **attacks_document.BINDING}


@pytest.mark.parametrize(("name", "text", "code", "make"), [(name, *row) for name, row in ROWS.items()], ids=list(ROWS))
def test_each_attack_gets_its_code(name: str, text: str, code: Code, make: Make) -> None:
    verdict = make().judged()
    print(f"{name:6} {text:72} {verdict.code}")  # noqa: T201
    assert verdict.code is code, verdict.problems
    assert {Code.ENGINE_UNMAPPED, Code.ENGINE_DISAGREES}.isdisjoint(problem.code for problem in verdict.problems)


def test_no_case_of_one_group_hides_one_of_another() -> None:
    assert len(ROWS) == sum(len(group) for group in GROUPS)


@pytest.mark.parametrize(
    ("name", "text", "code", "make"), [(name, *row) for name, row in DOCUMENTS.items()], ids=list(DOCUMENTS)
)
def test_each_attack_on_the_document_gets_its_code(
    name: str, text: str, code: Code, make: attacks_document.Make
) -> None:
    codes = make().codes()
    print(f"{name:6} {text:72} {code}")  # noqa: T201
    assert code in codes


@pytest.mark.parametrize("name", attacks_document.CONTROLS)
def test_each_control_of_the_document_is_accepted(name: str) -> None:
    text, make = attacks_document.CONTROLS[name]
    print(f"{name:6} {text:72} {Code.ACCEPTED}")  # noqa: T201
    assert make().codes() == ()


def test_what_the_list_leaves_out_is_said() -> None:
    for name, where in attacks_document.ELSEWHERE.items():
        print(f"{name:6} {where}")  # noqa: T201
        assert name.split(" ")[0].rstrip(",") not in DOCUMENTS
