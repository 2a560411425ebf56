"""`assay prove`: every defect against the checks that name it, in parallel; writes proof.json and a table."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

import specs
from harness.model import Exit
from harness.terminal import OUT
from mockserver.defects import Defect
from reports import proof as proof_report
from suites.selftest import trial
from suites.selftest.proof import Proven, document, killed, row
from suites.selftest.trial import Ending
from suites.selftest.trials import Job, defects_of, in_order, in_parallel, jobs, provable

MEMORY, MEMORY_BYTES = Path("/dev/shm"), 512 * 1024 * 1024
DEFAULT_WORKERS = (os.cpu_count() or 1) + 2  # a trial waits for its mock half of its time


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
    console = Console(stderr=True, highlight=False)
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
    chosen = {
        contract.name: [
            defect
            for defect in defects_of(contract)
            if (not only or set(only) & set(defect.breaks)) and (not names or defect.name in names)
        ]
        for contract in sorted(loaded, key=lambda contract: (len(contract.extends), contract.name))
    }
    _keep_in_memory()
    proofs = prove(chosen, workers, wide=wide, again=again or wide, shown=_progress(console))
    for name, proof in proofs.items():
        folder = _folder(out, name, alone=len(loaded) == 1)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "proof.json").write_text(json.dumps(proof, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / "proof.md").write_text(proof_report.markdown(proof), encoding="utf-8")
        if as_json:
            click.echo(json.dumps(proof, indent=1))
        else:
            OUT.print(proof_report.renderable(proof))
            click.echo(f"proof: {folder / 'proof.json'}")
    ended = [_holds(proof, console, whole=not only and not names) for proof in proofs.values()]
    raise SystemExit(Exit.CONFORMS if all(ended) else Exit.DOES_NOT_CONFORM)


def prove(
    chosen: Mapping[str, Sequence[Defect]],
    workers: int,
    *,
    wide: bool = False,
    again: bool = False,
    shown: Callable[[Iterator[Any], int], Iterable[Any]] = lambda found, _: found,
) -> dict[str, dict[str, Any]]:
    """The proof of each contract by its defects: a clean trial of everything, then one trial a defect.

    What an earlier contract is to prove in the same words is left to it, unless `again`.
    """
    due, todo = Proven(), dict[str, list[Job]]()
    contracts = [specs.load(name) for name in chosen]
    for contract in contracts:
        left = set() if again else due.by(contract).keys()
        own = [defect for defect in chosen[contract.name] if provable(contract).keys() & set(defect.breaks) - left]
        due.note(contract, {i for defect in own for i in defect.breaks if i in provable(contract)})
        todo[contract.name] = jobs(contract, own, wide=wide)
    for contract in contracts:
        trial.warm_up(contract)
    started, ended = datetime.now(UTC), dict[str, datetime]()
    waiting, endings = in_order(job for made in todo.values() for job in made), dict[int, Ending | str]()
    for job, ending in shown(in_parallel(waiting, workers), len(waiting)):
        ended[job.contract.name] = datetime.now(UTC)
        endings[id(job)] = ending
    gc.unfreeze()  # what the warm-up froze is taken down like everything else
    proven, proofs = Proven(), dict[str, dict[str, Any]]()
    for contract in contracts:
        made = [(job, endings[id(job)]) for job in todo[contract.name]]
        clean = {job.tls: _told(ending) for job, ending in made if job.defect is None}  # by whether the mock spoke TLS
        rows = [row(job, ending, clean[job.tls], provable(contract)) for job, ending in made if job.defect is not None]
        elsewhere = {} if again else proven.by(contract)
        times, whole = (started, ended[contract.name]), len(chosen[contract.name]) == len(defects_of(contract))
        proofs[contract.name] = document(contract, clean[False], rows, *times, whole=whole, elsewhere=elsewhere)
        proven.note(contract, killed(rows))
    return proofs


def _keep_in_memory() -> None:
    """Thousands of small files that live for a tenth of a second need no disk, where the system can do without."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES:
        tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)


def _told(ending: Ending | str) -> Ending:
    if isinstance(ending, str):
        raise SystemExit(f"the clean mock could not be judged: {ending}")
    return ending


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


def _progress(console: Console) -> Callable[[Iterator[Any], int], Iterable[Any]]:
    if console.is_terminal:
        return lambda found, total: track(found, total=total, description="proving", console=console)
    return lambda found, total: _plain(found, total, console)


def _plain(found: Iterator[Any], total: int, console: Console) -> Iterator[Any]:
    started = time.monotonic()
    for done, item in enumerate(found, start=1):
        if done % 25 == 0 or done == total:
            console.print(f"proving: {done} of {total} trials, {time.monotonic() - started:.0f} s")
        yield item


if __name__ == "__main__":
    sys.exit(main(prog_name="assay prove"))
