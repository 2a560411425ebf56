"""progress.jsonl of a run: a line when it starts, one for each check as it ends, one at the end. For who looks on.

It is no evidence: results.json decides, and is written at the end.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.model import CheckReport, Outcome
from harness.plugin import PROPERTY, SESSION

NAME = "progress.jsonl"
REASON_LIMIT = 500


class Chronicle:
    """A pytest plugin. With several workers it listens on the controller, to which all reports come."""

    def __init__(self, folder: Path, planned: Mapping[str, Any]) -> None:
        self.path = folder / NAME
        self.due = {check for row in planned["rows"] for check in row["checks"]}
        self.begun = time.monotonic()
        self.redacted: Any = str
        self.hard: set[str] = set()  # requirements whose breach is more than a warning

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        run = session.config.stash.get(SESSION, None)
        if run is None or hasattr(session.config, "workerinput"):
            return
        self.redacted = run.redactor.text
        contract, target = run.contract, run.target
        self.hard = {r.id for r in contract.requirements.values() if r.level == "MUST" and not r.inferred}
        self._write(
            "started",
            pid=os.getpid(),
            contract=f"{contract.name} {contract.version}",
            target=target.name,
            url=target.base_url,
            test_roots=target.test_roots,
            checks=len(self.due),
            requirements=len(contract.requirements),
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        made = dict(report.user_properties).get(PROPERTY)
        if not isinstance(made, dict) or (report.when == "setup" and report.passed):
            return
        check = CheckReport.from_json(made)
        soft = check.outcome is Outcome.FAIL and self.hard.isdisjoint(check.requirements)
        told = check.reason or (check.findings[0].message if check.findings else "")
        self._write(
            "check",
            check=check.check,
            suite=report.nodeid.split("::")[0].split("/")[-2],
            requirements=list(check.requirements),
            outcome="warn" if soft else check.outcome.value,
            told=told[:REASON_LIMIT],
            duration_s=round(check.duration_s, 3),
        )

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """After the session has written its results."""
        self._write("ended")

    def _write(self, kind: str, **told: Any) -> None:
        row = {"kind": kind, "at_s": round(time.monotonic() - self.begun, 3), **told}
        line = self.redacted(json.dumps(row, ensure_ascii=True))
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
