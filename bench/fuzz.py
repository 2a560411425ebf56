"""What raw schemathesis finds at its defaults, and what `assay run --suite fuzz` finds, defect by defect.

Both see the same mock with one defect of the catalogue switched on, in turn, and what a tool also reports of the mock
without a defect counts for neither. Equal cost: as many billed answers as schemathesis needs for the mock without a
defect; equal time: as many seconds. Refusals are free.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import specs
from bench.forks import Trial, forked
from bench.fuzz_table import Row, written
from bench.fuzz_trials import Run, ours, raw
from mockserver.defects import Defect
from suites.selftest import trial
from suites.selftest.trials import checks_of, defects_of

NOT_OF_THE_API = {"fuzz", "load", "selftest"}  # defects that only these suites see were made for them
PATIENCE_S = 240.0
CLEAN = 3  # runs of each tool without a defect, each with a seed of its own
SEED = 1
TOOLS: dict[str, Callable[..., Run]] = {"schemathesis": raw, "ours": ours}
NAMES = {run: tool for tool, run in TOOLS.items()}


@dataclass(frozen=True)
class Budget:
    """What schemathesis costs where there is nothing to find: billed answers and seconds."""

    billed: int
    seconds: float


def api_shaped(contract: specs.Contract) -> list[Defect]:
    """The defects that answers of the API show: not those of load and of fuzzing, nor those only a laboratory shows."""
    checks = checks_of(contract)
    chosen = []
    for defect in defects_of(contract):
        suites = {check.split("/")[1] for i in defect.breaks for check in checks.get(i, ())}
        rows = [contract.requirements[i] for i in defect.breaks if i in contract.requirements]
        if suites and not suites & NOT_OF_THE_API and not any(row.needs for row in rows):
            chosen.append(defect)
    return chosen


def usual(runs: list[Run]) -> frozenset[str]:
    return frozenset(found.what for run in runs for found in run.found)


def row_of(defect: Defect, runs: dict[str, Any], known: dict[str, frozenset[str]], budget: Budget) -> Row:
    """How a defect was found by each tool; a run that failed is an error and found nothing."""
    made: dict[str, Any] = {"defect": defect.name, "breaks": defect.breaks[0]}
    for tool, run in runs.items():
        fresh = run.fresh(known[tool]) if isinstance(run, Run) else []
        made[tool] = {
            "found": bool(fresh),
            "at_equal_bill": any(found.billed <= budget.billed for found in fresh),
            "at_equal_time": any(found.seconds <= budget.seconds for found in fresh),
            "first_billed": min((found.billed for found in fresh), default=None),
            "first_s": round(min((found.seconds for found in fresh), default=0.0), 2) if fresh else None,
            "by": fresh[0].what if fresh else None,
            **(
                {"seconds": round(run.seconds, 2), "calls": run.calls, "billed": run.billed}
                if isinstance(run, Run)
                else {"error": str(run)}
            ),
        }
    return made


def without_a_defect(contract: specs.Contract, workers: int) -> dict[str, list[Run]]:
    """Runs of each tool with nothing to find, each with a seed of its own."""
    runs: dict[str, list[Run]] = {tool: [] for tool in TOOLS}
    jobs = [(run, (contract, None, SEED + n)) for n in range(CLEAN) for run in TOOLS.values()]
    for (called, _), run in forked(jobs, workers, PATIENCE_S):
        if not isinstance(run, Run):
            raise SystemExit(f"the mock without a defect cannot be measured: {run}")
        runs[NAMES[called]].append(run)
    return runs


def summary(clean: dict[str, list[Run]], known: dict[str, frozenset[str]], budget: Budget) -> dict[str, Any]:
    """What the table needs of the runs without a defect."""
    return {
        "budget": asdict(budget),
        "clean": {
            tool: [{"findings": len(x.found), "seconds": x.seconds, "calls": x.calls, "billed": x.billed} for x in runs]
            for tool, runs in clean.items()
        },
        "clean_findings": {tool: sorted(found) for tool, found in known.items()},
    }


def measured(
    contract: specs.Contract, chosen: list[Defect], workers: int, minutes: float, out: Path
) -> tuple[list[Row], dict[str, Any]]:
    """One row a defect, written as they come, and what was seen without one. No defect is begun after `minutes`."""
    end = time.monotonic() + 60 * minutes
    clean = without_a_defect(contract, workers)
    known = {tool: usual(runs) for tool, runs in clean.items()}
    peer = clean["schemathesis"]
    budget = Budget(
        round(statistics.median(run.billed for run in peer)), statistics.median(run.seconds for run in peer)
    )
    head, rows, half = summary(clean, known, budget), list[Row](), dict[str, dict[str, Any]]()

    def jobs() -> Iterator[Trial]:
        for defect in chosen:
            if time.monotonic() > end:
                return
            yield from ((run, (contract, defect, SEED)) for run in TOOLS.values())

    with out.open("w") as file:
        file.write(json.dumps(head) + "\n")
        for (called, given), run in forked(jobs(), workers, PATIENCE_S):
            defect = given[1]
            runs = half.setdefault(defect.name, {})
            runs[NAMES[called]] = run
            if len(runs) == len(TOOLS):
                rows.append(row_of(defect, runs, known, budget))
                file.write(json.dumps(rows[-1]) + "\n")
                file.flush()
    return rows, head


def again(contract: specs.Contract, earlier: Path, workers: int, out: Path) -> tuple[list[Row], dict[str, Any]]:
    """Ours once more over the defects of an earlier run of this bench, beside its figures of schemathesis."""
    head, *rows = map(json.loads, earlier.read_text().splitlines())
    defects = {defect.name: defect for defect in defects_of(contract)}
    budget = Budget(**head["budget"])
    clean = [run for _, run in forked([(ours, (contract, None, SEED + n)) for n in range(CLEAN)], workers, PATIENCE_S)]
    known = {"ours": usual(clean)}
    head = {**head, "clean": {**head["clean"], **summary({"ours": clean}, known, budget)["clean"]}}
    head["clean_findings"]["ours"] = sorted(known["ours"])
    jobs = [(ours, (contract, defects[row["defect"]], SEED)) for row in rows]
    measured = {
        given[1].name: row_of(given[1], {"ours": run}, known, budget)
        for (_, given), run in forked(jobs, workers, PATIENCE_S)
    }
    rows = [{**row, **measured[row["defect"]]} for row in rows]
    out.write_text("".join(json.dumps(each) + "\n" for each in (head, *rows)))
    return rows, head


def circumstances(contract: specs.Contract, workers: int) -> dict[str, Any]:
    return {
        "contract": contract.name,
        "schemathesis": version("schemathesis"),
        "hypothesis": version("hypothesis"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, trials by {workers} at a time",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contract", default="openai-core")
    parser.add_argument("--sample", type=int, help="so many defects, drawn by --seed; all when left out")
    parser.add_argument("--only", nargs="*", default=[], help="names of defects")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no defect is begun")
    parser.add_argument("--workers", type=int, default=2, help="trials at a time")
    parser.add_argument("--again", type=Path, help="an earlier --out: ours once more, beside its schemathesis")
    parser.add_argument("--out", type=Path, default=Path("out/bench-fuzz.jsonl"))
    parser.add_argument("--markdown", type=Path, help="where the table goes as well, as a page of the docs has it")
    options = parser.parse_args()
    contract = specs.load(options.contract)
    catalogue = api_shaped(contract)
    chosen = [defect for defect in catalogue if not options.only or defect.name in options.only]
    random.Random(options.seed).shuffle(chosen)  # where time ends it, what was measured is a sample
    chosen = chosen[: options.sample]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    trial.warm_up(contract)
    started, before = time.monotonic(), os.getloadavg()[0]
    if options.again is not None:
        rows, head = again(contract, options.again, options.workers, options.out)
    else:
        rows, head = measured(contract, chosen, options.workers, options.minutes, options.out)
    about = circumstances(contract, options.workers)
    about |= {"minutes": (time.monotonic() - started) / 60, "load": (before, os.getloadavg()[0]), "of": len(catalogue)}
    table = written(rows, head, about)
    print(table)
    if options.markdown is not None:
        options.markdown.write_text(table)


if __name__ == "__main__":
    main()
