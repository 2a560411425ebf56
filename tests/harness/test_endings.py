"""What results say when a run did not go to its end, or was sent what hurts: never more than was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import specs
from harness import results
from harness.judge import Rule
from harness.model import CheckReport, Finding, Outcome
from harness.session import Options, Session
from tests.harness.conftest import KEY, a_target
from tests.judge.builders import completion

PAIR = ("suites/a/test_a.py::one", "suites/b/test_b.py::two")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A run that chose two checks of OC-001, before any was made."""
    run = Session(
        specs.load("openai-core"), a_target("http://127.0.0.1:9/v1"), Options(out=tmp_path / "run", command="assay")
    )
    run.selected, run.due = {"OC-001"}, dict.fromkeys(PAIR, ("OC-001",))
    yield run
    run.close()


def said(check: str, outcome: Outcome, **more: Any) -> CheckReport:
    return CheckReport(check, ("OC-001",), outcome, None, 0.1, **more)


def written(run: Session) -> dict[str, Any]:
    """results.json, which has to be what its schema says."""
    document: dict[str, Any] = json.loads(results.write(run).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(specs.schema("results")).validate(document)
    return document


def outcome_of(document: dict[str, Any], requirement: str = "OC-001") -> str:
    return next(str(row["outcome"]) for row in document["requirements"] if row["id"] == requirement)


def test_a_check_that_never_ended_is_no_pass(session: Session) -> None:
    session.reports.append(said(PAIR[0], Outcome.PASS))
    document = written(session)
    assert (outcome_of(document), document["verdict"]) == ("not-observed", "incomplete")
    session.reports.append(said(PAIR[1], Outcome.PASS))
    document = written(session)
    assert (outcome_of(document), document["verdict"]) == ("pass", "conforms")


def test_a_worker_that_dies_takes_no_failure_with_it(session: Session) -> None:
    session.unheard = {"gw0": [said(PAIR[0], Outcome.FAIL)], "gw1": [said(PAIR[1], Outcome.PASS)]}
    session.from_worker("gw0", None)
    document = written(session)
    assert (outcome_of(document), document["verdict"]) == ("fail", "does-not-conform")
    assert "gw0 died" in document["harness_faults"][0]


def test_a_breach_counts_though_no_check_of_it_could_run(session: Session) -> None:
    session.due, session.gaps["OC-001"] = {}, (Outcome.NOT_OBSERVED, "the target offers no control")
    assert outcome_of(written(session)) == "not-observed"
    session.reports.append(said("sweep::rule", Outcome.FAIL))
    assert outcome_of(written(session)) == "fail"


def test_a_rule_that_breaks_costs_its_own_row_only(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(Rule, "findings", broken)
    session.journal.exchanges.append(completion({}))
    session.selected = {"OC-001", "OC-082"}
    session.reports += session.sweep()
    document = written(session)
    assert document["verdict"] == "harness-fault"
    assert any("a bug of ours" in fault for fault in document["harness_faults"])


def test_what_no_file_can_hold_does_not_cost_the_results(session: Session) -> None:
    """Half a surrogate pair is JSON and no UTF-8; an escape sequence would rewrite the reader's terminal."""
    hostile = Finding("OC-001", f"it said \ud800 \x1b[2J\x1b[32mconforms\x1b[0m \u202e and {KEY}")
    told = session.explained(hostile, "check")
    session.reports.append(said(PAIR[0], Outcome.FAIL, findings=(told,)))
    session.figures["fuzz"] = {"statuses": {"\udfff": {}}}
    row = next(row for row in written(session)["requirements"] if row["id"] == "OC-001")
    assert row["findings"][0]["message"] == (
        r"it said \ud800 \u001b[2J\u001b[32mconforms\u001b[0m \u202e and ${THE_KEY}"
    )


@pytest.mark.parametrize(("asked", "cap"), [(None, "1.00"), (Decimal(0), "0"), (Decimal("0.1"), "0.1")])
def test_a_cap_of_zero_is_a_cap(asked: Decimal | None, cap: str) -> None:
    run = Session(specs.load("openai-core"), a_target("http://127.0.0.1:9/v1"), Options(cap_usd=asked))
    run.close()
    assert run.budget.cap == Decimal(cap)


def test_what_workers_said_before_they_were_stopped_counts(session: Session) -> None:
    session.selected, session.due = set(), {}  # the controller has chosen nothing by itself
    session.unheard, session.unsettled = {"gw0": [said(PAIR[0], Outcome.FAIL)]}, {"gw0": (Decimal("0.01"), 3)}
    session.from_unheard("gw0")
    document = written(session)
    assert (outcome_of(document), document["verdict"]) == ("fail", "does-not-conform")
    assert (document["spend"]["calls"], document["spend"]["usd"]) == (3, "0.01")
    assert written(session)["run"]["interrupted"] is False


def test_a_run_that_was_broken_off_does_not_conform(session: Session) -> None:
    session.reports, session.interrupted = [said(check, Outcome.PASS) for check in PAIR], True
    assert written(session)["verdict"] == "incomplete"
