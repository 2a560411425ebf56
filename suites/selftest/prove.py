"""`assay prove`: every defect against the checks that name it, in parallel; writes proof.json and a table."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

import specs
from harness import __version__
from harness.checks import checks_by_requirement
from harness.model import Exit, Outcome
from mockserver.defects import Defect, all_defects
from reports import proof as proof_report
from specs import Contract
from suites.selftest import trial
from suites.selftest.trial import Ending

TRIAL_TIMEOUT_S = 90
CLEAN_TIMEOUT_S = 600  # a trial of every check, on a machine that may be busy
DEFAULT_WORKERS = (os.cpu_count() or 1) + 2  # a trial waits for its mock half of its time
HEAVY = ("load", "fuzz")  # suites that ask hundreds of requests for one check
FORK = multiprocessing.get_context("fork")  # a fork of a warmed-up process starts a trial in milliseconds


@dataclass(frozen=True)
class Job:
    """One trial to run. `ids` empty means every check."""

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
    """A trial for each defect, with the files that hold the checks of what it breaks."""
    checks, promised = checks_of(contract), provable(contract)
    everything = trial.default_files()
    made = []
    for defect in chosen:
        ids = tuple(i for i in defect.breaks if i in promised)  # what it breaks `also` takes a wide trial to see
        files = tuple(sorted({check.split("::")[0] for i in ids for check in checks.get(i, ())}))
        made.append(Job(defect, (), everything + files, defect.tls) if wide else Job(defect, ids, files, defect.tls))
    return sorted(made, key=_is_light)


def _is_light(job: Job) -> bool:
    """Whether a trial is over soon. The others begin first, so that none of them is waited for alone in the end."""
    return not any(Path(file).parent.name in HEAVY for file in job.files)


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


def in_parallel(contract: Contract, todo: list[Job], workers: int) -> Iterator[tuple[Job, Ending | str]]:
    """Trials as they end. One thread only: a fork of a process with threads may inherit a held lock."""
    waiting, flying = list(todo), list[_Running]()
    while waiting or flying:
        while waiting and len(flying) < workers:
            job = waiting.pop(0)
            if job.files:
                flying.append(_started(contract, job))
            else:
                yield job, "no check names it"
        wait([trial.pipe for trial in flying], timeout=1.0)
        now = time.monotonic()
        for done in [one for one in flying if one.pipe.poll() or now > one.deadline]:
            flying.remove(done)
            yield done.job, done.ending()


def _started(contract: Contract, job: Job) -> _Running:
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_child, args=(theirs, contract, job))
    process.start()
    theirs.close()
    return _Running(job, process, ours, time.monotonic() + job.patience_s)


def _child(pipe: Connection, contract: Contract, job: Job) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        pipe.send(trial.judge(contract, job.defect, job.ids, tuple(dict.fromkeys(job.files)), tls=job.tls))
    except BaseException as error:  # whatever it was, the parent must hear of it
        pipe.send(f"{type(error).__name__}: {error}")
    os._exit(0)  # no clean-up of the parent's copies


def row(job: Job, ending: Ending | str, clean: Ending, promised: Iterable[str]) -> dict[str, Any]:
    """The proof's row of one defect.

    Killed only if every requirement it breaks passed on the clean mock, and fails by a check that passed there too.
    """
    assert job.defect is not None
    defect, known = job.defect, set(promised)
    breaks = [i for i in defect.breaks if i in known]
    made: dict[str, Any] = {
        "defect": defect.name,
        "summary": defect.summary,
        "breaks": breaks,
        "also": [i for i in defect.also if i in known],
        "seen": list(defect.seen),
        "killed_by": [],
        "also_failed": [],
        "unlisted": [],
        "note": None,
        "duration_s": 0.0,
    }
    if isinstance(ending, str):
        return {**made, "outcome": "error", "note": ending}
    killers = {i: [c for c in checks if c in clean.passed] for i, checks in ending.failed_by.items()}
    failed = {i for i, checks in killers.items() if checks}
    made["duration_s"] = ending.duration_s
    made["killed_by"] = sorted({check for i in breaks for check in killers.get(i, ())})
    made["also_failed"] = sorted(failed & set(defect.also))
    made["unlisted"] = sorted(failed - set(defect.breaks) - set(defect.also))
    if unclean := [i for i in breaks if clean.outcomes.get(i) is not Outcome.PASS]:
        return {**made, "outcome": "not-clean", "note": f"not passed on the clean mock: {', '.join(unclean)}"}
    if missed := [i for i in breaks if i not in failed]:
        said = "; ".join(f"{i} {ending.outcomes.get(i, 'not run')}: {ending.reasons.get(i, '')}" for i in missed)
        errors = any(ending.outcomes.get(i) is Outcome.ERROR for i in missed)
        return {**made, "outcome": "error" if errors else "survived", "note": said[:600]}
    return {**made, "outcome": "killed"}


@dataclass
class Proven:
    """What contracts proved earlier in the same command. Another one need not prove the same row again."""

    rows: dict[str, tuple[str, specs.Requirement]] = field(default_factory=dict)  # id -> contract, row

    def note(self, contract: Contract, proof: Mapping[str, Any]) -> None:
        killed = {i for made in proof["rows"] if made["outcome"] == "killed" for i in made["breaks"]}
        for i in killed:
            self.rows.setdefault(i, (contract.name, contract.requirements[i]))

    def by(self, contract: Contract) -> dict[str, str]:
        """The requirements of a contract that another one has proven, in the same words, with that one's name.

        One that only repeats others is proven where all of those are.
        """
        known = self.rows
        found = {i: known[i][0] for i, r in provable(contract).items() if i in known and known[i][1] == r}
        own = checks_by_requirement()
        for i, r in provable(contract).items():
            if r.same_as and i not in own and all(name in found for name in r.same_as):
                found[i] = found[r.same_as[0]]
        return found


def document(
    contract: Contract,
    clean: Ending,
    rows: list[dict[str, Any]],
    started: datetime,
    *,
    whole: bool,
    elsewhere: Mapping[str, str],
) -> dict[str, Any]:
    """proof.json as specs/schema/proof.schema.json describes it. `whole`: no defect of the contract was left out.

    `elsewhere` are requirements that other contracts have proven, by whom.
    """
    promised = provable(contract)
    touched = {i for made in rows for i in made["breaks"]}
    own = {i for made in rows if made["outcome"] == "killed" for i in made["breaks"]}
    proven = own | elsewhere.keys()
    must = [r.id for r in promised.values() if r.level == "MUST"]
    counts: dict[str, int] = {}
    for outcome in clean.outcomes.values():
        counts[outcome.value] = counts.get(outcome.value, 0) + 1
    return {
        "schema_version": "1.0",
        "contract": {"name": contract.name, "version": contract.version, "digest": contract.digest},
        "started": started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "duration_s": round((datetime.now(UTC) - started).total_seconds(), 3),
        "tool": {"name": "assay", "version": __version__},
        "clean": {"counts": dict(sorted(counts.items())), "failed": _failed(clean)},
        "rows": sorted(rows, key=lambda made: (made["breaks"], made["defect"])),
        "excluded_from_proof": _excluded(contract),
        "elsewhere": {i: name for i, name in sorted(elsewhere.items()) if i not in own},
        "unproven": [i for i in promised if i not in proven and (whole or i in touched)],
        "score": {
            "defects": len(rows),
            "killed": sum(made["outcome"] == "killed" for made in rows),
            "must_checked": len(must),
            "must_proven": sum(i in proven for i in must),
        },
    }


def _failed(clean: Ending) -> list[dict[str, str]]:
    """What the clean mock does wrong, or a check of ours: also where no defect breaks the requirement."""
    bad = {Outcome.FAIL, Outcome.ERROR, Outcome.WARN}
    found = ((i, outcome, clean.reasons.get(i, "")) for i, outcome in sorted(clean.outcomes.items()) if outcome in bad)
    return [{"id": i, "outcome": outcome.value, "reason": reason} for i, outcome, reason in found]


def _excluded(contract: Contract) -> list[dict[str, str]]:
    promised = provable(contract)
    return [
        {"id": r.id, "reason": r.excluded or f"the contract does not promise {r.when}"}
        for r in contract.requirements.values()
        if r.id not in promised
    ]


def prove(
    contract: Contract,
    chosen: list[Defect],
    workers: int,
    *,
    wide: bool = False,
    elsewhere: Mapping[str, str] | None = None,
    shown: Callable[[Iterator[Any], int], Iterable[Any]] = lambda found, _: found,
) -> dict[str, Any]:
    """The proof of one contract: a clean trial of everything, then one trial a defect.

    Defects that only break what `elsewhere` holds are left out: another contract has proven it.
    """
    elsewhere, all_of_it = elsewhere or {}, len(chosen) == len(defects_of(contract))
    promised = provable(contract).keys()
    chosen = [defect for defect in chosen if promised & set(defect.breaks) - elsewhere.keys()]
    started = datetime.now(UTC)
    trial.warm_up(contract)
    checks = checks_of(contract)
    files = {check.split("::")[0] for d in chosen for i in d.breaks for check in checks.get(i, ())}
    clean_job = Job(None, (), (*trial.default_files(), *sorted(files)))
    todo = jobs(contract, chosen, wide=wide)
    clean_jobs = [clean_job, *_clean_over_tls(todo)]
    endings: dict[str, tuple[Job, Ending | str]] = {}
    clean: dict[bool, Ending] = {}  # by whether the mock spoke TLS
    for job, ending in shown(in_parallel(contract, [*clean_jobs, *todo], workers), len(todo) + len(clean_jobs)):
        if job.name is not None:
            endings[job.name] = (job, ending)
        elif isinstance(ending, str):
            raise SystemExit(f"the clean mock could not be judged: {ending}")
        else:
            clean[job.tls] = ending
    gc.unfreeze()  # what the warm-up froze is taken down like everything else
    rows = [row(job, ending, clean[job.tls], provable(contract)) for job, ending in endings.values()]
    return document(contract, clean[False], rows, started, whole=all_of_it, elsewhere=elsewhere)


def _clean_over_tls(todo: Iterable[Job]) -> list[Job]:
    """The clean trial that defects of a mock with TLS are held against, if there are any."""
    over_tls = [job for job in todo if job.tls]
    files = sorted({file for job in over_tls for file in job.files})
    return [Job(None, (), tuple(files), tls=True)] if over_tls else []


@click.command()
@click.argument("contracts", nargs=-1, metavar="[CONTRACT]...")
@click.option("--only", multiple=True, metavar="ID")
@click.option("--defect", "names", multiple=True, metavar="NAME")
@click.option("--wide", is_flag=True)
@click.option("--again", is_flag=True)
@click.option("-n", "--workers", type=click.IntRange(1), default=DEFAULT_WORKERS)
@click.option("--out", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def main(
    contracts: tuple[str, ...],
    only: tuple[str, ...],
    names: tuple[str, ...],
    wide: bool,
    again: bool,
    workers: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Prove contracts (all of them when none is named)."""
    console, ended = Console(stderr=True, highlight=False), []
    try:
        loaded = [specs.load(name) for name in contracts or specs.names()]
    except specs.SpecError as error:
        raise click.UsageError(str(error)) from error
    if unknown := sorted(set(names) - {defect.name for contract in loaded for defect in defects_of(contract)}):
        raise click.UsageError(
            f"no defect of these contracts is called {', '.join(unknown)}; `assay mock --list-defects` prints all"
        )
    if unknown := sorted(set(only) - {i for contract in loaded for i in provable(contract)}):
        raise click.UsageError(f"these contracts check no requirement {', '.join(unknown)}")
    proven = Proven()
    for contract in sorted(loaded, key=lambda contract: (len(contract.extends), contract.name)):
        chosen = [
            defect
            for defect in defects_of(contract)
            if (not only or set(only) & set(defect.breaks)) and (not names or defect.name in names)
        ]
        shown = _progress(console, contract.name)
        proof = prove(
            contract, chosen, workers, wide=wide, shown=shown, elsewhere={} if again or wide else proven.by(contract)
        )
        proven.note(contract, proof)
        folder = _folder(out, contract.name, alone=len(loaded) == 1)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "proof.json").write_text(json.dumps(proof, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / "proof.md").write_text(proof_report.markdown(proof), encoding="utf-8")
        if as_json:
            click.echo(json.dumps(proof, indent=1))
        else:
            Console(highlight=False).print(proof_report.renderable(proof))
            click.echo(f"proof: {folder / 'proof.json'}")
        ended.append(_holds(proof, console, whole=not only and not names))
    raise SystemExit(Exit.CONFORMS if all(ended) else Exit.DOES_NOT_CONFORM)


def _holds(proof: dict[str, Any], console: Console, *, whole: bool) -> bool:
    """Whether nothing failed on the clean mock, every defect died and, in a whole proof, every MUST is proven."""
    for bad in proof["clean"]["failed"]:
        console.print(f"{bad['id']} {bad['outcome']} on the clean mock: {bad['reason']}", markup=False, soft_wrap=True)
    killed = all(made["outcome"] == "killed" for made in proof["rows"])
    proven = proof["score"]["must_checked"] == proof["score"]["must_proven"]
    return killed and not proof["clean"]["failed"] and (proven or not whole)


def _folder(out: Path | None, contract: str, *, alone: bool) -> Path:
    if out is None:
        return Path("out") / f"proof-{contract}"
    return out if alone else out / contract


def _progress(console: Console, title: str) -> Callable[[Iterator[Any], int], Iterable[Any]]:
    if console.is_terminal:
        return lambda found, total: track(found, total=total, description=f"proving {title}", console=console)
    return lambda found, total: _plain(found, total, title, console)


def _plain(found: Iterator[Any], total: int, title: str, console: Console) -> Iterator[Any]:
    started = time.monotonic()
    for done, item in enumerate(found, start=1):
        if done % 25 == 0 or done == total:
            console.print(f"proving {title}: {done} of {total} trials, {time.monotonic() - started:.0f} s")
        yield item


if __name__ == "__main__":
    sys.exit(main(prog_name="assay prove"))
