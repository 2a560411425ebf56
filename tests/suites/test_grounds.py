"""Every reason of the attestation judges breaks exactly one requirement, and none is left without an owner."""

from __future__ import annotations

from collections import Counter

import pytest

import specs
from harness.attest.verdict import Code
from suites.attestation.grounds import CATCH_ALL, GROUNDS, OF_THE_ENGINE, owner


def test_no_reason_has_two_owners() -> None:
    counts = Counter(code for owned in GROUNDS.values() for code in owned)
    assert [code for code, count in counts.items() if count > 1] == []


def test_owners_are_requirements_of_the_catalogue() -> None:
    stated = specs.catalogue("attestation")
    assert {*GROUNDS, *OF_THE_ENGINE, CATCH_ALL} <= stated.keys()


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.ACCEPTED], ids=str)
def test_each_reason_breaks_a_requirement(code: Code) -> None:
    assert owner(code) in GROUNDS or owner(code) == CATCH_ALL


def test_reasons_of_the_trust_domain_do_not_fall_to_the_catch_all() -> None:
    domain = [code for code in Code if code.startswith(("td.", "tcb.", "quote.", "eventlog."))]
    assert {code for code in domain if owner(code) == CATCH_ALL} == {Code.QUOTE_TRAILING_DATA}
