"""Which trials prove a contract, and how they run: many at a time, each in a fork of this process."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import specs
from harness.running.checks import checks_by_requirement
from mockserver.defects import Defect, all_defects
from specs import Contract
from suites.selftest import trial
from suites.selftest.trial import Ending

TRIAL_TIMEOUT_S = 90
CLEAN_TIMEOUT_S = 600  # a trial of every check, on a machine that may be busy
HEAVY = ("load", "fuzz")  # suites that ask hundreds of requests for one check
FORK = multiprocessing.get_context("fork")  # a fork of a warmed-up process starts a trial in milliseconds


@dataclass(frozen=True)
class Job:
    """One trial to run. `ids` empty means every check."""

    contract: Contract
    defect: Defect | None
    ids: tuple[str, ...]
    files: tuple[str, ...]
    tls: bool = False  # whether the mock speaks TLS

    @property
    def name(self) -> str | None:
        """Of the defect; the clean trials have none."""
        return self.defect.name if self.defect else None

    @property
    def patience_s(self) -> int:
        return TRIAL_TIMEOUT_S if self.ids else CLEAN_TIMEOUT_S


def provable(contract: Contract) -> dict[str, specs.Requirement]:
    """The requirements of a contract that a check must decide."""
    rows = contract.requirements.values()
    return {r.id: r for r in rows if not r.excluded and contract.applies(r)}


def defects_of(contract: Contract) -> list[Defect]:
    """The defects that break a promise of this contract."""
    promised = provable(contract).keys()
    meant = (replace(d, breaks=contract.deciding(d.breaks)) for d in all_defects())
    return [d for d in meant if promised & set(d.breaks) and _shows_in(d, contract.name)]


def _shows_in(defect: Defect, contract: str) -> bool:
    return contract not in defect.hidden_in and (not defect.contracts or contract in defect.contracts)


def checks_of(contract: Contract) -> dict[str, list[str]]:
    """The checks of each requirement; one that says the same as others has theirs."""
    named = checks_by_requirement()
    return {
        r.id: [*named.get(r.id, ()), *(check for i in r.same_as for check in named.get(i, ()))]
        for r in contract.requirements.values()
    }


def jobs(contract: Contract, chosen: Iterable[Defect], *, wide: bool) -> list[Job]:
    """The clean trials, and one for each defect with the files that hold the checks of what it breaks."""
    checks, promised = checks_of(contract), provable(contract)
    everything = trial.default_files()
    made = []
    for defect in chosen:
        ids = tuple(i for i in defect.breaks if i in promised)  # what it breaks `also` takes a wide trial to see
        files = tuple(sorted({check.split("::")[0] for i in ids for check in checks.get(i, ())}))
        ids, files = ((), tuple(dict.fromkeys(everything + files))) if wide else (ids, files)
        made.append(Job(contract, defect, ids, files, defect.tls))
    return [*_clean(contract, made, everything), *made]


def _clean(contract: Contract, made: Iterable[Job], everything: tuple[str, ...]) -> Iterator[Job]:
    """The trials without a defect that the others are held against: of all checks, and of those over TLS."""
    yield Job(contract, None, (), tuple(sorted({*everything, *(file for job in made for file in job.files)})))
    if over_tls := {file for job in made if job.tls for file in job.files}:
        yield Job(contract, None, (), tuple(sorted(over_tls)), tls=True)


def in_order(todo: Iterable[Job]) -> list[Job]:
    """The longest first, as far as can be told, so that none of them is waited for alone in the end."""
    return sorted(todo, key=_is_light)


def _is_light(job: Job) -> int:
    if job.defect is None:
        return 0
    return 1 if any(Path(file).parent.name in HEAVY for file in job.files) else 2


@dataclass
class _Running:
    """A trial in flight: its process, and the pipe its ending will come through."""

    job: Job
    process: BaseProcess
    pipe: Connection
    deadline: float

    def ending(self) -> Ending | str:
        """What the trial said, or why it said nothing. Ends the process."""
        try:
            said: Ending | str = self.pipe.recv() if self.pipe.poll() else f"took longer than {self.job.patience_s} s"
        except EOFError:
            said = "the trial died"
        self.process.kill()
        self.process.join()
        self.pipe.close()
        return said


def in_parallel(todo: Iterable[Job], workers: int) -> Iterator[tuple[Job, Ending | str]]:
    """Trials as they end. One thread only: a fork of a process with threads may inherit a held lock."""
    waiting, flying = list(todo), list[_Running]()
    while waiting or flying:
        while waiting and len(flying) < workers:
            job = waiting.pop(0)
            if job.files:
                flying.append(_started(job))
            else:
                yield job, "no check names it"
        wait([trial.pipe for trial in flying], timeout=1.0)
        now = time.monotonic()
        for done in [one for one in flying if one.pipe.poll() or now > one.deadline]:
            flying.remove(done)
            yield done.job, done.ending()


def _started(job: Job) -> _Running:
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_child, args=(theirs, job))
    process.start()
    theirs.close()
    return _Running(job, process, ours, time.monotonic() + job.patience_s)


def _child(pipe: Connection, job: Job) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        pipe.send(trial.judge(job.contract, job.defect, job.ids, job.files, tls=job.tls))
    except BaseException as error:  # whatever it was, the parent must hear of it
        pipe.send(f"{type(error).__name__}: {error}")
    os._exit(0)  # no clean-up of the parent's copies
