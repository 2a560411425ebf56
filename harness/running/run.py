"""One run from the command line: plan, refuse what costs too much, run the suites, say how it ended."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness import plugin, results
from harness.model import Exit
from harness.plugin import SELECTION, SESSION
from harness.record import deployment
from harness.running import chronicle
from harness.running import plan as planning
from harness.running.checks import SUITES
from harness.running.chronicle import Chronicle
from harness.running.progress import Reporter
from harness.running.selection import NOT_SELECTED
from harness.running.session import Session
from harness.target import KEY_VARIABLE

# Only our plugin takes part, whatever else is installed beside us: a run must not depend on the machine. No check logs,
# and the last two collect garbage to find unraised exceptions, which is a matter of our own tests.
LEFT_OUT = ("cacheprovider", "logging", "unraisableexception", "threadexception")


@dataclass(frozen=True)
class Request:
    """What `assay plan` and `assay run` were asked for."""

    contract: str
    target: str
    base_url: str | None = None
    only: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    profile: str = "standard"
    seed: int = 1
    workers: int = 0
    cap_usd: str | None = None
    fuzz_seconds: float | None = None
    fuzz_once: bool = False  # every case of the fuzz suite, however long that takes, until all that is asked has failed
    fuzz_resume: Path | None = None  # folder of the run that the fuzz suite goes on from
    paths: tuple[Path, ...] = field(default=())  # test files, when the caller knows which are needed
    waivers: Path | None = None
    replay: Path | None = None  # folder of a saved run that is played instead of asking the target
    again: str | None = None  # the words after --target that start the same judgement once more

    def arguments(self) -> list[str]:
        """The command line of pytest for this request."""
        line = [f"--contract={self.contract}", f"--assay-profile={self.profile}"]
        line += [] if self.replay is not None else [f"--target={self.target}"]
        line += [f"--only={i}" for i in self.only] + [f"--suite={name}" for name in self.suites]
        line += [f"--assay-seed={self.seed}"]
        optional = {
            "--base-url": self.base_url,
            "--assay-cap": self.cap_usd,
            "--fuzz-seconds": self.fuzz_seconds,
            "--fuzz-resume": self.fuzz_resume,
            "--assay-again": self.again,
            "--assay-waivers": None if self.waivers is None else str(self.waivers),
            "--assay-replay": None if self.replay is None else str(self.replay),
        }
        line += ["--fuzz-once"] if self.fuzz_once else []
        line += [f"{flag}={value}" for flag, value in optional.items() if value is not None]
        return line


class OverCap(Exception):
    """The plan may cost more than the cap allows."""


class BadRequest(Exception):
    """What was asked for does not exist, or the target cannot be used; the message says what to do."""


class _Refusal:
    """Takes a refusal out of pytest's hands, so that it reads like every other refusal of ours."""

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_main(self) -> Generator[None, object, object]:
        try:
            return (yield)
        except pytest.UsageError as error:
            raise BadRequest("; ".join(str(part) for part in error.args)) from error


def plan(request: Request, console: Console) -> dict[str, Any]:
    """plan.json of a request. Collects the checks and reads prices; makes no paid call. Raises BadRequest."""
    taker = _PlanTaker(max(request.workers, 1))
    code = execute([*request.arguments(), "--collect-only"], request, [taker, Reporter(console, request.contract)])
    if taker.document is None:
        raise SystemExit(_exit_of(code))
    if taker.refusal is not None:
        raise BadRequest(taker.refusal)
    if taker.note is not None:
        console.print(f"note: {taker.note}", markup=False, soft_wrap=True)
    return taker.document


class _PlanTaker:
    document: dict[str, Any] | None = None
    note: str | None = None
    refusal: str | None = None

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        run, chosen = session.config.stash[SESSION], session.config.stash[SELECTION]
        self.document = planning.document(planning.make(session.items, chosen, run, self.workers), chosen, run)
        self.note, self.refusal = _note(run), _refusal(run)
        self.document["cap_usd"] = str(run.cap_usd)
        run.close()


def _note(run: Session) -> str | None:
    """What is known before the start to keep most checks from being made; the run says of each check that it was."""
    if "main" not in run.target.keys:
        return f"there is no key to ask with: export {KEY_VARIABLE}=..., or name its variable under [keys] main"
    failed = [f"GET {x.request.url}: {x.fault.message}" for x in run.journal.exchanges if x.fault is not None]
    return failed[-1] if failed else None


LOOK_AT = {401: "look at the key", 403: "look at the key", 404: "look at the base URL, which usually ends in /v1"}


def _refusal(run: Session) -> str | None:
    """Why nothing would be judged: where key or URL are wrong, every finding would speak of them and not of the target.

    A target file that names a model is believed: a deployment without a model list can be judged by it.
    """
    status = next((x.head_status for x in reversed(run.journal.exchanges)), None)
    if run.ask.model_or_none() is not None or status not in LOOK_AT:
        return None
    return (
        f"GET {run.target.base_url}/models answered {status}, so no model is known to ask: {LOOK_AT[status]}, "
        "or name a model in a target file by [model] default"
    )


def run(request: Request, out: Path, planned: Mapping[str, Any], console: Console) -> Mapping[str, Any]:
    """Run the suites into the folder `out` and return results.json. Raises OverCap, SystemExit."""
    usd, cap = Decimal(planned["usd"]), Decimal(planned["cap_usd"])
    if usd > cap:
        raise OverCap(
            f"the run may cost ${usd:f} and the cap is ${cap:f}: raise it by --cap or by [spend] cap_usd in the "
            "target file, or ask for less by --profile quick, --suite or --only"
        )
    out.mkdir(parents=True, exist_ok=True)
    _forget(out)
    planning.write({k: v for k, v in planned.items() if k != "cap_usd"}, out)
    spread = ["-p", "xdist.plugin", f"-n{request.workers}", "--dist=loadfile"] if request.workers > 1 else []
    line = [*request.arguments(), f"--assay-out={out}", *spread]
    plugins = [_Foreseen(planned), Chronicle(out, planned), Reporter(console, request.contract)]
    code = execute(line, request, plugins)
    if not (out / "results.json").is_file():
        raise SystemExit(_exit_of(code))
    return results.read(out)


def _forget(out: Path) -> None:
    """Take away what an earlier run left in the folder: should this one crash, its results must not pass for ours."""
    for pattern in (
        "results.json",
        chronicle.NAME,
        "exchanges*.jsonl",
        "asides*.jsonl",
        deployment.FILE,
        "waivers.yaml",
        "certificate*",
    ):
        for path in out.glob(pattern):
            path.unlink()
    shutil.rmtree(out / deployment.ANCHORS, ignore_errors=True)


class _Foreseen:
    """Tells the run what was planned: to show it beside what was spent, and to miss a check that never ended.

    A process that runs its checks itself finds out by collecting them; the controller of several workers does not.
    """

    def __init__(self, planned: Mapping[str, Any]) -> None:
        self.planned = planned

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        if (run := session.config.stash.get(SESSION, None)) is not None:
            run.budget.estimate(Decimal(self.planned["usd"]), self.planned["calls"])
            for row in self.planned["rows"]:
                self._expect(run, row)

    def _expect(self, run: Session, row: Mapping[str, Any]) -> None:
        requirement, reason = row["requirement"], row["reason"] or ""
        for check in row["checks"]:
            run.due[check] = (*run.due.get(check, ()), requirement)
        outcome, found, said = reason.partition(": ")
        if found:
            run.gaps[requirement] = (outcome, said)
        if said != NOT_SELECTED:
            run.selected.add(requirement)


def execute(line: Sequence[str], request: Request, plugins: list[object]) -> int:
    """Run pytest over the suites with a fixed configuration; returns pytest's exit code."""
    fixed = ["--tb=no", f"-c{SUITES / 'run.ini'}", f"--rootdir={SUITES.parent}"]
    by_name = [plugin.__name__] if request.workers else []  # processes of their own import it
    words = [word for name in (*by_name, *(f"no:{name}" for name in LEFT_OUT)) for word in ("-p", name)]
    paths = [str(path) for path in request.paths] or [str(SUITES)]
    ours = [_Refusal(), *plugins, *([] if by_name else [plugin])]  # what comes last is called first
    fixed_environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    with _environment(**fixed_environment, HYPOTHESIS_STORAGE_DIRECTORY=str(_cache())), _no_bytecode():
        return int(pytest.main([*fixed, *words, *line, *paths], plugins=ours))


def _cache() -> Path:
    """Where hypothesis keeps its table of characters: in the user's cache, not in the folder a run is started in."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY") or Path(home) / "assay" / "hypothesis")


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """An installed package is not ours to write into: keep pytest's rewritten checks out of site-packages."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, not os.access(SUITES, os.W_OK)
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _exit_of(pytest_code: int) -> Exit:
    if pytest_code == pytest.ExitCode.INTERRUPTED:
        return Exit.INCOMPLETE
    usage = {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED}
    return Exit.BAD_INVOCATION if pytest_code in usage else Exit.HARNESS_FAULT
