"""The proof counts nothing as proven that a failure of the clean mock may have caused."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import jsonschema
import pytest
from rich.console import Console

import specs
from harness.model import Outcome
from mockserver.defects import all_defects
from suites.selftest import prove
from suites.selftest.proof import document, row
from suites.selftest.trial import Ending
from suites.selftest.trials import Job, provable

CONTRACT = specs.load("openai-core")
DEFECT = next(defect for defect in all_defects() if defect.name == "never-says-done")
NOW = datetime.now(UTC)
CHECK = "suites/x.py::test"
KILLED = Ending(failed_by={i: [CHECK] for i in DEFECT.breaks})


def proof_of(clean: Ending) -> dict[str, object]:
    found = row(Job(CONTRACT, DEFECT, (), ()), KILLED, clean, provable(CONTRACT))
    made = document(CONTRACT, clean, [found], NOW, NOW, whole=False, elsewhere={})
    jsonschema.Draft202012Validator(specs.schema("proof")).validate(made)
    return made


@pytest.mark.parametrize("bad", [Outcome.FAIL, Outcome.ERROR, Outcome.WARN])
def test_a_failure_on_the_clean_mock_is_told_though_no_defect_is_about_it(bad: Outcome) -> None:
    passed = dict.fromkeys(DEFECT.breaks, Outcome.PASS)
    said = io.StringIO()
    assert prove._holds(proof_of(Ending(passed, {CHECK})), Console(file=said), whole=False)
    spoilt = proof_of(Ending({**passed, "OC-001": bad}, {CHECK}, reasons={"OC-001": "it said no"}))
    assert not prove._holds(spoilt, Console(file=said), whole=False)
    assert f"OC-001 {bad} on the clean mock: it said no" in said.getvalue()


def test_a_requirement_that_failed_before_the_defect_is_not_proven_by_it() -> None:
    clean = Ending(dict.fromkeys(DEFECT.breaks, Outcome.FAIL))
    found = row(Job(CONTRACT, DEFECT, (), ()), KILLED, clean, provable(CONTRACT))
    assert found["outcome"] == "not-clean"


def test_a_check_that_did_not_pass_on_the_clean_mock_kills_nothing() -> None:
    clean = Ending(dict.fromkeys(DEFECT.breaks, Outcome.PASS), passed={"suites/x.py::another_test"})
    found = row(Job(CONTRACT, DEFECT, (), ()), KILLED, clean, provable(CONTRACT))
    assert (found["outcome"], found["killed_by"]) == ("survived", [])
