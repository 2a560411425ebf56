"""How true a load generator's times are, and what they cost: every generator in turn against the truth server.

The server has one core, the generator another. The first request of every user, which also connects, is left out.
Errors are what the generator's own records say minus what the server was told to do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import confined
import load_table
import peers
import truth
from generators import Cell, Generator
from generators.locust_users import LOCUST
from generators.others import OTHERS
from generators.ours import Ours

PACE = truth.Pace()
GENERATORS: tuple[Generator, ...] = (Ours(), *LOCUST, *OTHERS)
SERVER_CORE, CLIENT_CORE = 0, 1


@dataclass(frozen=True)
class Row:
    """One run. Times in ms; errors against the pace. `late` is the server's own lateness at p50 and p99."""

    name: str
    channel: str
    users: int
    streams: int
    ttft: tuple[float, float]
    itl: tuple[float, float]
    late: tuple[float, float]
    rate: float  # streams/s, by the server's count
    cpu_ms: float  # a stream, without what one request costs, which is starting
    mib: float


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def requests_of(users: int) -> int:
    """Enough that every user asks a few times, few enough that no cell takes a minute where all goes well."""
    return max(users * 4, 60) if users <= 1000 else users * 3


class Bench:
    """The truth server's program, and what each generator spends on one request."""

    def __init__(self, program: Path, nice: int, limit_s: float) -> None:
        self._program, self._nice, self._limit_s = program, nice, limit_s
        self._start_s: dict[tuple[str, str], float] = {}

    def row(self, generator: Generator, channel: str, users: int) -> Row:
        """Measure one cell. Raises peers.Unusable."""
        key = generator.name, channel
        if key not in self._start_s:
            self._start_s[key] = self._once(generator, channel, 1, 1)[0].cpu_s
        spent, seen, said = self._once(generator, channel, users, requests_of(users))
        kept = sorted(seen, key=lambda each: each.started)[users:]
        if not kept:
            raise peers.Unusable(f"{generator.name} told of {len(seen)} streams, no more than one a user")
        first, gaps = [each.ttft for each in kept], [gap for each in kept for gap in each.gaps]
        return Row(
            *(generator.name, channel, users, len(kept)),
            ttft=(percentile(first, 0.5) - PACE.ttft_ms, percentile(first, 0.99) - PACE.ttft_ms),
            itl=(percentile(gaps, 0.5) - PACE.itl_ms, percentile(gaps, 0.99) - PACE.itl_ms),
            late=tuple(max(said["first_late_us"][n], said["next_late_us"][n]) / 1000 for n in (0, 1)),
            rate=(said["finished"] - users) / said["span_s"],
            cpu_ms=max(spent.cpu_s - self._start_s[key], 0) / said["finished"] * 1000,
            mib=spent.mib,
        )

    def _once(self, generator: Generator, channel: str, users: int, requests: int) -> tuple[Any, ...]:
        """Run it: what it cost, what it saw, what the server says of itself."""
        bin_folder = peers.bin_of(generator.peer)
        tls = channel == "TLS"
        with (
            tempfile.TemporaryDirectory(prefix="assay-bench-") as name,
            truth.running(self._program, PACE, core=SERVER_CORE, tls=tls) as server,
        ):
            folder = Path(name)
            cell = Cell(server.url, server.ca, users, requests, folder)
            server.told(skip=users)
            spent = confined.run(
                generator.command(cell, bin_folder),
                cores={CLIENT_CORE},
                nice=self._nice,
                limit_s=self._limit_s,
                log=folder / "log",
                environment={**os.environ, **generator.environment(cell)},
                folder=folder,
            )
            said = server.told()
            try:
                return spent, generator.seen(cell), said
            except (OSError, ValueError, KeyError) as error:
                log = (folder / "log").read_text(errors="replace").strip()[-1500:]
                over = f"; it was not over after {self._limit_s:g} s" if spent.status is None else ""
                raise peers.Unusable(f"{type(error).__name__} {error}{over}; it printed: {log}") from error


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[10, 100, 500, 1000, 2000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="parts of names of generators")
    parser.add_argument("--channels", nargs="+", choices=("plain", "TLS"), default=["plain", "TLS"])
    parser.add_argument("--nice", type=int, default=0, help="of every generator; below 0 on a machine that is busy")
    parser.add_argument("--limit", type=float, default=90, help="seconds that one run may take")
    parser.add_argument("--out", type=Path, help="append every run to this file, a line of JSON each")
    return parser.parse_args()


def main() -> None:
    given = options()
    chosen = [g for g in GENERATORS if any(part.lower() in g.name.lower() for part in given.only)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="assay-truth-") as folder:
        program, speaks_tls = truth.build(Path(folder))
        bench = Bench(program, given.nice, given.limit)
        channels = [c for c in given.channels if c == "plain" or speaks_tls]
        cells = [(c, users) for c in channels for users in given.users]
        missing: dict[str, str] = {}
        for _ in range(given.rounds):
            for channel, users in cells:
                for generator in [g for g in chosen if g.name not in missing]:
                    try:
                        rows.append(bench.row(generator, channel, users))
                    except peers.Unusable as error:
                        print(f"{generator.name}, {users} streams, {channel}: {error}", file=sys.stderr)
                        continue
                    if given.out:
                        with given.out.open("a") as out:
                            out.write(json.dumps(asdict(rows[-1])) + "\n")
    load_table.show([asdict(row) for row in rows], speaks_tls=speaks_tls)


if __name__ == "__main__":
    sys.exit(main())
