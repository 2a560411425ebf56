"""progress.jsonl: a line a check, the softness of a requirement heeded, secrets taken out, valid to its last line."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.model import CheckReport, Outcome
from harness.plugin import PROPERTY, SESSION
from harness.redact import Redactor
from harness.running.chronicle import NAME, Chronicle
from harness.target import Secret
from specs import load

CONTRACT = load("openai-core")
SOFT = next(r.id for r in CONTRACT.requirements.values() if r.level == "SHOULD")
KEY = "sk-canary-7f3a9b2c5d"


@pytest.fixture
def chronicle(tmp_path: Path) -> Chronicle:
    made = Chronicle(tmp_path, {"rows": [{"checks": ["a", "b"]}, {"checks": ["b"]}]})
    target = SimpleNamespace(name="staging", base_url="http://127.0.0.1/v1", test_roots=False)
    run = SimpleNamespace(contract=CONTRACT, target=target, redactor=Redactor([Secret("main", KEY)]))
    session: Any = SimpleNamespace(config=SimpleNamespace(stash={SESSION: run}))
    made.pytest_sessionstart(session)
    return made


def told(chronicle: Chronicle, *ids: str, reason: str = "") -> dict[str, Any]:
    made = CheckReport("suites/stream/test_a.py::test_b", ids, Outcome.FAIL, reason, 0.1)
    report: Any = SimpleNamespace(
        user_properties=[(PROPERTY, made.to_json())], when="call", passed=False, nodeid=made.check
    )
    chronicle.pytest_runtest_logreport(report)
    found: dict[str, Any] = json.loads(chronicle.path.read_text().splitlines()[-1])
    return found


def test_it_begins_with_what_is_to_come(chronicle: Chronicle) -> None:
    begun = json.loads((chronicle.path.parent / NAME).read_text())
    assert (begun["kind"], begun["checks"], begun["target"]) == ("started", 2, "staging")


def test_a_breach_of_a_recommendation_is_a_warning(chronicle: Chronicle) -> None:
    assert told(chronicle, SOFT)["outcome"] == "warn"
    assert told(chronicle, "OC-001", SOFT)["outcome"] == "fail"


def test_no_secret_and_no_line_break_gets_into_it(chronicle: Chronicle) -> None:
    row = told(chronicle, "OC-001", reason=f"the server said {KEY}\nand more")
    assert KEY not in chronicle.path.read_text()
    assert row["suite"] == "stream"
    assert len(chronicle.path.read_text().splitlines()) == 2
