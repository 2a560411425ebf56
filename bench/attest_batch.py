"""What `assay attest verify --batch` gets through with one process and with more, and whether its memory stays flat.

Wall time of the whole command, from its start to its end, over quotes of the mock's test platform. As many commands at
once as there are cores, which share nothing, show what the machine itself can give.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil
from rich.table import Table
from rounds import console, machine

from mockserver.tee import Platform

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODEL = "deepseek-ai/DeepSeek-V3-TEE"
DISTINCT = 200
ASSAY = Path(sys.executable).with_name("assay")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Run:
    seconds: float  # for each time that all the lines were judged
    mib: float  # the most that all its processes held together


def evidence(folder: Path, lines: int, *, whole: bool) -> Path:
    """Lines of bare quotes, or of whole reports."""
    platform = Platform(b"bench", lambda: NOW)
    platform.export_trust(folder / "trust")
    path = folder / f"{'reports' if whole else 'quotes'}-{lines}.ndjson"
    made = []
    for number in range(min(lines, DISTINCT)):
        nonce = number.to_bytes(32, "big")
        report = platform.report(MODEL, nonce)
        made.append({"evidence": report, "nonce": nonce.hex()} if whole else {"evidence": report["intel_quote"]})
    with path.open("w") as file:
        for number, line in zip(range(lines), itertools.cycle(made)):
            print(json.dumps({"id": number, **line}), file=file)
    return path


def run(path: Path, lines: int, workers: int, commands: int = 1) -> Run:
    """So many commands at once, each over all the lines. Raises SystemExit when a line was not accepted."""
    began = time.perf_counter()
    processes = [start(path, workers, number) for number in range(commands)]
    most = watched(processes)
    seconds = time.perf_counter() - began
    for number, process in enumerate(processes):
        said = process.communicate()[1]
        printed = path.with_suffix(f".{number}").read_bytes().count(b"\n")
        if process.returncode != 0 or f"{lines} accepted" not in said or printed != lines:
            raise SystemExit(f"the batch was not accepted whole: {said}")
    return Run(seconds / commands, most / MIB)


def start(path: Path, workers: int, number: int) -> subprocess.Popen[str]:
    options = ["--batch", str(path), "--trust", str(path.parent / "trust"), "--at", NOW.isoformat(), "-n", str(workers)]
    with path.with_suffix(f".{number}").open("wb") as file:
        line = [str(ASSAY), "attest", "verify", *options]
        return subprocess.Popen(line, stdout=file, stderr=subprocess.PIPE, text=True)


def watched(processes: list[subprocess.Popen[str]]) -> int:
    """Wait for the end; the most bytes that they and their children held."""
    most, roots = 0, [psutil.Process(process.pid) for process in processes]
    while any(process.poll() is None for process in processes):
        with contextlib.suppress(psutil.Error):
            family = [one for root in roots for one in (root, *root.children(recursive=True))]
            most = max(most, sum(one.memory_info().rss for one in family))
        time.sleep(0.02)
    return most


def main() -> None:
    cores = os.cpu_count() or 1
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2] if cores < 4 else [1, 2, 4])
    chosen = parser.parse_args()
    title = f"median of {chosen.rounds} rounds; {machine()}"
    shown = Table("", "processes", "seconds", "lines/s", "x one process", "MiB at most", title=title)
    with tempfile.TemporaryDirectory() as name:
        for whole, lines in ((False, chosen.lines), (False, 4 * chosen.lines), (True, chosen.lines)):
            path = evidence(Path(name), lines, whole=whole)
            ways = {str(count): partial(run, path, lines, count) for count in chosen.workers}
            ways[f"{cores} commands at once"] = partial(run, path, lines, 1, cores)
            show(shown, f"{lines} {'reports' if whole else 'quotes'}", lines, alternate(ways, chosen.rounds))
    console().print(shown)


def alternate(ways: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found


def show(shown: Table, name: str, lines: int, found: dict[str, list[Run]]) -> None:
    middles = {way: statistics.median(one.seconds for one in runs) for way, runs in found.items()}
    alone = next(iter(middles.values()))
    for way, seconds in middles.items():
        most = max(one.mib for one in found[way])
        shown.add_row(name, way, f"{seconds:.2f}", f"{lines / seconds:.0f}", f"{alone / seconds:.2f}", f"{most:.0f}")


if __name__ == "__main__":
    main()
