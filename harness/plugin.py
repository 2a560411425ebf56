"""The pytest plugin: requirement ids, gating, outcomes, results.json. Does nothing unless `--contract` is given."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Generator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

import specs
from harness import results
from harness.asking.ask import Ask
from harness.judge import Rule, judge
from harness.model import CheckReport, Nonconformity, NotObserved
from harness.record import deployment
from harness.running import classify, selection
from harness.running.checks import SUITES
from harness.running.session import PROFILES, Options, Session
from harness.target import Target, TargetError
from harness.target import load as load_target
from harness.wire.exchange import Exchange
from specs import Contract, SpecError

SESSION = pytest.StashKey[Session]()
SELECTION = pytest.StashKey[selection.Selection]()
PROPERTY = "assay"
SPENT = "assay-spent"  # USD and calls of the worker that reports, so far


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("assay", "judge a deployment against a contract")
    group.addoption("--contract", metavar="NAME", help="contract to judge by (see `assay contracts`)")
    group.addoption("--target", metavar="T", help="URL or target.toml of the deployment")
    group.addoption("--base-url", metavar="URL", help="overrides the base_url of the target file")
    group.addoption("--only", action="append", default=[], metavar="ID", help="only this requirement (repeatable)")
    group.addoption("--suite", action="append", default=[], metavar="NAME", help="only this suite (repeatable)")
    group.addoption("--assay-profile", choices=PROFILES, default="standard", help="how much to ask")
    group.addoption("--assay-seed", type=int, default=1, metavar="N", help="seed of generated inputs")
    group.addoption("--assay-out", metavar="DIR", help="folder of the run")
    group.addoption("--assay-cap", metavar="USD", help="spend cap, overrides the target file")
    group.addoption("--assay-again", metavar="WORDS", help="what findings give after --target to be seen again")
    group.addoption("--assay-waivers", metavar="FILE", help="breaches that somebody has accepted for a time")
    group.addoption("--assay-replay", metavar="DIR", help="play the run saved in this folder instead of asking")
    group.addoption("--fuzz-seconds", type=float, metavar="S", help="how long the fuzz suite asks; it fills the time")
    group.addoption("--fuzz-once", action="store_true", help="every case of the fuzz suite until all asked for failed")
    group.addoption("--fuzz-resume", metavar="DIR", help="folder of a run that the fuzz suite goes on from")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requirement(*ids): the requirements this check decides")
    config.addinivalue_line("markers", "cost(calls, prompt_tokens, completion_tokens): what this check spends itself")
    config.addinivalue_line("markers", "last: a check of the whole run, made when all others have been")
    config.addinivalue_line("markers", "profile(name): the smallest profile this check runs in")
    if config.getoption("--contract"):
        try:
            config.stash[SESSION] = _session(config)
        except (SpecError, TargetError) as error:
            raise pytest.UsageError(str(error)) from error


def _session(config: pytest.Config) -> Session:
    contract = specs.load(config.getoption("--contract"))
    source, options = config.getoption("--target"), _options(config, contract)
    if source is None and options.replay is None:
        raise pytest.UsageError("--target is missing: give a URL or the path of a target.toml")
    worker_input: dict[str, Any] = getattr(config, "workerinput", {})
    return Session(
        contract=contract,
        target=deployment.read(options.replay)
        if options.replay is not None
        else load_target(source, base_url=config.getoption("--base-url"), environ=os.environ),
        options=options,
        worker=worker_input.get("workerid", "main"),
        workers=worker_input.get("workercount", 1),
    )


def _options(config: pytest.Config, contract: Contract) -> Options:
    only = tuple(config.getoption("--only"))
    if unknown := sorted(set(only) - contract.requirements.keys()):
        meant = specs.near(unknown[0], contract.requirements)
        raise pytest.UsageError(f"contract {contract.name} has no requirement {', '.join(unknown)}{meant}")
    if unknown := sorted(set(config.getoption("--suite")) - _suites()):
        raise pytest.UsageError(f"there is no suite {', '.join(unknown)}; there are: {', '.join(sorted(_suites()))}")
    out, cap = config.getoption("--assay-out"), config.getoption("--assay-cap")
    return Options(
        only=only,
        suites=tuple(config.getoption("--suite")),
        profile=config.getoption("--assay-profile"),
        seed=config.getoption("--assay-seed"),
        out=Path(out) if out else None,
        cap_usd=_usd(cap) if cap else None,
        fuzz_seconds=config.getoption("--fuzz-seconds"),
        fuzz_once=config.getoption("--fuzz-once"),
        fuzz_resume=Path(resumed) if (resumed := config.getoption("--fuzz-resume")) else None,
        again=config.getoption("--assay-again"),
        waivers=Path(named) if (named := config.getoption("--assay-waivers")) else None,
        replay=Path(saved) if (saved := config.getoption("--assay-replay")) else None,
        command=_command(config),
    )


def _suites() -> set[str]:
    return {path.parent.name for path in SUITES.glob("*/test_*.py")} - {"selftest"}


def _command(config: pytest.Config) -> str:
    """What the user typed: our own command line when the run was started by it, pytest's otherwise."""
    if Path(sys.argv[0]).name in {"assay", "cli.py"}:
        return shlex.join(["assay", *sys.argv[1:]])
    return shlex.join(["pytest", *config.invocation_params.args])


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise pytest.UsageError(f"the cap {text!r} is not an amount in USD, such as 0.50")
    return amount


# --- collection ---------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    session = config.stash.get(SESSION, None)
    checks = [item for item in items if _is_check(item)]
    if session is None:
        if checks:
            raise pytest.UsageError("the suites judge a deployment: give --contract and --target")
        return
    chosen = selection.select(checks, session)
    config.stash[SELECTION] = chosen
    session.gaps, session.selected = dict(chosen.gaps), set(chosen.selected)
    session.due = {item.nodeid: ids for item, ids in chosen.ids_of.items()}
    dropped = [item for item in items if item not in chosen.ids_of]
    kept = [item for item in items if item in chosen.ids_of]
    items[:] = sorted(kept, key=lambda item: item.get_closest_marker("last") is not None)
    config.hook.pytest_deselected(items=dropped)


def _is_check(item: pytest.Item) -> bool:
    return SUITES in item.path.parents and (SUITES / "selftest") not in item.path.parents


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file of checks that cannot be read is our fault: without a word its checks would only be missing."""
    report = yield
    session = collector.config.stash.get(SESSION, None)
    if session is not None and report.failed:
        session.faults.append(f"{report.nodeid} cannot be collected: {str(report.longrepr).strip().splitlines()[-1]}")
    return report


# --- running ------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    run = session.config.stash.get(SESSION, None)
    if run is not None and not session.config.option.collectonly:
        run.begin()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if (session := item.config.stash.get(SESSION, None)) is not None:
        session.ask.begin(item.nodeid)
        session.client.refuse_when_down()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    session = item.config.stash.get(SESSION, None)
    if session is None or (call.when != "call" and call.excinfo is None):
        return report
    made = classify.check_report(item, call, session, item.config.stash[SELECTION].ids_of[item])
    report.user_properties.append((PROPERTY, made.to_json()))
    report.user_properties.append((SPENT, [str(session.budget.spent), session.budget.calls]))
    if call.excinfo is not None:
        classify.retell(report, made)
    session.reports.append(made)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """On the controller of a distributed run: remember what each worker says, in case it dies before its end."""
    node: Any = getattr(report, "node", None)
    run = None if node is None else node.config.stash.get(SESSION, None)
    made = dict(report.user_properties).get(PROPERTY)
    if run is not None and isinstance(made, dict):
        run.unheard.setdefault(node.gateway.id, []).append(CheckReport.from_json(made))
        spent: Any = dict(report.user_properties)[SPENT]
        usd, calls = spent
        run.unsettled[node.gateway.id] = Decimal(usd), calls


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    run = session.config.stash.get(SESSION, None)
    if run is None or session.config.option.collectonly:
        return
    run.interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
    if exitstatus == pytest.ExitCode.INTERNAL_ERROR:
        run.faults.append("pytest stopped with an internal error: the checks that were left did not run")
    for worker in list(run.unheard):  # broken off: nobody hands over any more
        run.from_unheard(worker)
    run.reports += run.sweep()
    run.close()
    worker_output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if worker_output is not None:
        worker_output[PROPERTY] = run.to_controller()
    elif run.options.out is not None:
        results.write(run)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """On the controller of a distributed run: take in what a worker reports."""
    run = node.config.stash.get(SESSION, None)
    if run is not None:
        run.from_worker(node.gateway.id, getattr(node, "workeroutput", {}).get(PROPERTY))


# --- fixtures -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def assay_session(request: pytest.FixtureRequest) -> Session:
    """The run this check belongs to."""
    return request.config.stash[SESSION]


@pytest.fixture(scope="session")
def ask(assay_session: Session) -> Ask:
    """Calls the target: every answer is an Exchange and is kept."""
    return assay_session.ask


@pytest.fixture(scope="session")
def contract(assay_session: Session) -> Contract:
    """The contract the target is judged by."""
    return assay_session.contract


@pytest.fixture(scope="session")
def target(assay_session: Session) -> Target:
    """The deployment under judgement."""
    return assay_session.target


@pytest.fixture(scope="session")
def profile(assay_session: Session) -> str:
    """quick, standard or full."""
    return assay_session.options.profile


@pytest.fixture(scope="session")
def holds(contract: Contract) -> Callable[..., None]:
    """Apply a rule to exchanges: NotObserved when none is its subject, Nonconformity with all findings."""

    def check(rule: Rule, *exchanges: Exchange) -> None:
        judged = judge(rule, (exchange.answered() for exchange in exchanges), contract)
        if not judged.subjects:
            came = ", ".join(sorted({f"status {exchange.head_status}" for exchange in exchanges})) or "nothing"
            raise NotObserved(f"what came back ({came}) could not show it")
        if judged.findings:
            raise Nonconformity(judged.findings)
        classify.needs_an_answer(exchanges)

    return check
