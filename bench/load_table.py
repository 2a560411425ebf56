"""The table of load_accuracy.py: medians of the rounds. `python bench/load_table.py RUNS.jsonl` prints it again."""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rounds import console, machine

COLUMNS = ("TTFT p50", "TTFT p99", "ITL p50", "ITL p99", "streams/s", "CPU ms a stream", "MiB", "server late p99")
Runs = Sequence[Mapping[str, Any]]


def cells(runs: Runs) -> dict[tuple[str, int], dict[str, list[str]]]:
    """(channel, users) -> generator -> one text a column, and how many rounds."""
    found: dict[tuple[str, int], dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        found[run["channel"], run["users"]][run["name"]].append(run)
    return {cell: {name: figures(of) for name, of in rows.items()} for cell, rows in found.items()}


def figures(runs: Runs) -> list[str]:
    def middle(*path: Any) -> float:
        return statistics.median(run[path[0]] if len(path) == 1 else run[path[0]][path[1]] for run in runs)

    errors = [f"{middle(what, n):+.1f}" for what in ("ttft", "itl") for n in (0, 1)]
    costs = [f"{middle('rate'):.0f}", f"{middle('cpu_ms'):.2f}", f"{middle('mib'):.0f}", f"{middle('late', 1):.1f}"]
    return [*errors, *costs, str(len(runs))]


def show(runs: Runs, *, speaks_tls: bool) -> None:
    for (channel, users), rows in cells(runs).items():
        title = f"{users} streams at once, {channel}: error in ms against the truth"
        table = Table("generator", title=title)
        for column in (*COLUMNS, "rounds"):
            table.add_column(column, justify="right")
        for name, texts in rows.items():
            table.add_row(name, *texts)
        console().print(table)
    print(machine() + ("" if speaks_tls else "; no headers of OpenSSL, so no TLS"))


def markdown(runs: Runs) -> None:
    """The same for a README: one table a channel."""
    for channel in dict.fromkeys(run["channel"] for run in runs):
        print(f"\n| {channel}, streams | generator | " + " | ".join((*COLUMNS, "rounds")) + " |")
        print("|---|---|" + "---|" * (len(COLUMNS) + 1))
        for (of, users), rows in cells(runs).items():
            for n, (name, texts) in enumerate(rows.items() if of == channel else ()):
                print(f"| {users if n == 0 else ''} | {name} | " + " | ".join(texts) + " |")
    print(f"\n{machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    lines = parser.parse_args().runs.read_text().splitlines()
    markdown([json.loads(line) for line in lines])
