"""One trial: a mock with one defect, judged by the checks that name what it breaks. Runs in a process of its own."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness import redact
from harness.fuzz import cases
from harness.model import CheckReport, Outcome
from harness.plugin import SESSION
from harness.running import run as running
from harness.running.checks import SUITES
from harness.running.progress import Silence
from mockserver.defects import Defect
from mockserver.gateway import Gateway
from mockserver.serve import Options, Server
from specs import Contract

TOKEN = "the-token-of-a-trial"  # checks that need the control API are part of the proof


@dataclass
class Ending:
    """What the checks said of one mock: outcomes by requirement, and by which check."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)  # checks
    failed_by: dict[str, list[str]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    duration_s: float = 0.0


class _Taker:
    reports: list[CheckReport]
    selected: set[str]

    def pytest_configure(self, config: pytest.Config) -> None:
        run = config.stash[SESSION]
        self.reports, self.selected = run.reports, run.selected

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.selected = session.config.stash[SESSION].selected


def judge(
    contract: Contract, defect: Defect | None, ids: tuple[str, ...], files: tuple[str, ...], *, tls: bool = False
) -> Ending:
    """Serve the contract, with or without a defect and TLS, and run the checks of `ids` (all when empty)."""
    started = time.monotonic()
    gateway = Gateway()
    ending = Ending()
    with Server(
        contract, defect.apply(gateway) if defect else gateway, Options(control_token=TOKEN, tls=tls)
    ) as server:
        taker = _Taker()
        request = running.Request(
            contract=contract.name,
            target=str(server.target_path),
            only=ids,
            paths=tuple(SUITES.parent / file for file in files),
            fuzz_once=True,  # all cases: whether a defect dies must not depend on how busy the machine is
        )
        code = running.execute(request.arguments(), request, [Silence(), taker])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"pytest ended with {code}")
    for report in taker.reports:
        _take(report, ending)
    ending.duration_s = round(time.monotonic() - started, 3)
    return ending


def _take(report: CheckReport, ending: Ending) -> None:
    if report.outcome is Outcome.PASS:
        ending.passed.add(report.check)
    for requirement in report.requirements:
        before = ending.outcomes.get(requirement, report.outcome)
        ending.outcomes[requirement] = min(before, report.outcome, key=lambda outcome: outcome.badness)
        if report.outcome is Outcome.FAIL and not report.check.startswith("sweep::"):
            ending.failed_by.setdefault(requirement, []).append(report.check)
        said = report.reason or "; ".join(f.message for f in report.findings if f.requirement == requirement)
        if report.outcome is not Outcome.PASS:
            ending.reasons[requirement] = said[:300]


def warm_up(contract: Contract) -> None:
    """Import everything a trial needs, once, before processes are forked from this one."""
    request = running.Request(contract=contract.name, target="http://127.0.0.1:9/v1")
    running.execute([*request.arguments(), "--collect-only"], request, [Silence()])
    with Server(contract, Gateway(), Options(control_token=TOKEN)) as server:
        for key in (TOKEN, *server.state.secrets.values()):  # and so are certificates of machines that show evidence
            redact.pattern_of(key)
    cases.batches(contract.name, cases.EFFORTS["standard"], running.Request.seed)  # generated once for all trials
    gc.collect()
    gc.freeze()  # a trial never has to look through what all trials share


def default_files() -> tuple[str, ...]:
    """The test files a trial of everything runs: all but those that time the target or generate for minutes."""
    slow = {"fuzz", "load", "selftest"}
    found = (path.relative_to(SUITES.parent) for path in sorted(SUITES.rglob("test_*.py")))
    return tuple(str(path) for path in found if not slow & set(Path(path).parts))
