"""What the mock costs under load: answers for each second of processor time, against other mocks, round by round.

The servers have one core, the client another; rounds alternate and only medians are shown. `--paced N` instead keeps N
streams at 20 ms a token and tells how late chunks arrive, by the kernel's clock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import confined
import peers
import truth
from mock_servers import SERVERS, TOKENS, Served, ours
from rich.table import Table
from rounds import console, machine, ratio

HERE = Path(__file__).parent
KINDS = {"whole answers": False, "streams": True}
BLOCK, BLOCK_S = 100_000, 5.0  # answers between two looks at memory; seconds of a part of them
SERVER_CORE, CLIENT_CORE = 0, 1
TTFT_MS, ITL_MS = 200.0, 20.0


def rate(served: Served, users: int, seconds: float, *, stream: bool) -> tuple[float, int]:
    """Answers for each core-second of the server, and how many there were. Raises peers.Unusable."""
    asked = {"port": served.port, "request": served.request(stream=stream), "users": users, "seconds": seconds}
    before = served.core_seconds()
    line = ["taskset", "-c", str(CLIENT_CORE), sys.executable, str(HERE / "client.py")]
    done = subprocess.run(line, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise peers.Unusable(done.stderr.strip().splitlines()[-1])
    answers = int(json.loads(done.stdout)["answers"])
    spent = served.core_seconds() - before
    if not answers or not spent:
        raise peers.Unusable(f"{answers} answers in {seconds:g} s: too few to count")
    return answers / spent, answers


def compare(given: argparse.Namespace) -> None:
    rates: dict[str, dict[str, list[float]]] = {kind: {} for kind in KINDS}
    memory: dict[str, list[float]] = {}
    answers: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        running = dict(_started(stack, given.only))
        for number in range(given.rounds + 1):
            for name, served in running.items():
                for kind, stream in KINDS.items():
                    if stream and not served.streams:
                        continue
                    try:
                        found, count = rate(served, given.users, given.seconds, stream=stream)
                    except peers.Unusable as error:
                        print(f"{name}, {kind}: {error}", file=sys.stderr)
                        continue
                    if number:  # the first round warms everything up
                        rates[kind].setdefault(name, []).append(found)
                        answers[name] = answers.get(name, 0) + count
                if number in (0, given.rounds):
                    memory.setdefault(name, []).append(served.mib())
    for kind, measured in rates.items():
        console().print(_table(kind, measured, memory, answers, given.rounds))
    print(machine())


def _started(stack: contextlib.ExitStack, only: list[str]) -> list[tuple[str, Served]]:
    """Those that can be started, on their core; why the others cannot goes to standard error."""
    found = []
    for name, start in SERVERS.items():
        if not any(part.lower() in name.lower() for part in only):
            continue
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-bench-")))
        try:
            served = stack.enter_context(start(folder))
        except peers.Unusable as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        for each in (served.process, *served.process.children(recursive=True)):
            os.sched_setaffinity(each.pid, {SERVER_CORE})
        found.append((name, served))
    return found


def _table(
    kind: str, rates: dict[str, list[float]], memory: dict[str, list[float]], answers: dict[str, int], rounds: int
) -> Table:
    """Medians, ratios to ours and how far rounds were apart, and memory at both ends."""
    title = f"{kind} per core-second, median of {rounds} rounds, {TOKENS} tokens each"
    table = Table("", "per core-second", "this mock / it (range)", "MiB", "KiB grown an answer", title=title)
    base = rates.get("this mock")
    for name, found in rates.items():
        grown = (memory[name][-1] - memory[name][0]) * 1024 / max(answers.get(name, 0), 1)
        against = ratio(base, found) if base else ""
        table.add_row(name, f"{statistics.median(found):.0f}", against, f"{memory[name][-1]:.0f}", f"{grown:.2f}")
    return table


def grown(users: int, answers: int, *, stream: bool) -> None:
    """Resident memory after every 100,000 answers, until there were so many."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name, ours(Path(name)) as served:
        done, before = 0, served.mib()
        print(f"at the start: {before:.1f} MiB")
        while done < answers:
            at = done
            while done < at + BLOCK:
                done += rate(served, users, BLOCK_S, stream=stream)[1]
            now = served.mib()
            print(
                f"{done} answers: {now:.1f} MiB, {(now - before) * 1024 / (done - at):+.3f} KiB an answer", flush=True
            )
            before = now


def paced(users: int, rounds: int, nice: int) -> None:
    """How late each chunk arrived, from the moment its request was sent."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="assay-bench-") as name, ours(Path(name), TTFT_MS, ITL_MS) as served:
            folder = Path(name)
            truth.prefer(served.process.pid, SERVER_CORE)
            before = served.core_seconds()
            late = sorted(_lateness(served, users, folder, nice))
            if not late:
                raise SystemExit((folder / "log").read_text()[-1500:])
            middle, high = late[len(late) // 2], late[int(len(late) * 0.99)]
            spent = (served.core_seconds() - before) / (len(late) / TOKENS + users) * 1000
            print(
                f"{users} streams, {len(late)} chunks: late by {middle:.2f} ms (p50), {high:.2f} (p99); {spent:.2f} ms"
                f" of processor time a stream; {served.mib():.0f} MiB"
            )


def _lateness(served: Served, users: int, folder: Path, nice: int) -> list[float]:
    """Milliseconds by chunk, without the first request of every user."""
    body = served.request(stream=True).partition("\r\n\r\n")[2]
    scenario = {
        "url": f"http://127.0.0.1:{served.port}{served.path}",
        "bodies": [body] * (users * 4),
        "users": users,
        "seconds": 60.0,
        "headers": [["Authorization", f"Bearer {served.key}"]],
        "kernel_times": True,
    }
    (folder / "scenario.json").write_text(json.dumps(scenario))
    line = [sys.executable, str(HERE / "generators/ours.py"), str(folder / "scenario.json"), str(folder / "seen.json")]
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE}"}
    confined.run(
        line, cores={CLIENT_CORE}, nice=nice, limit_s=90, log=folder / "log", environment=environment, folder=folder
    )
    seen = sorted(json.loads((folder / "seen.json").read_text()))[users:]
    return [late for _, first, gaps in seen for late in _late(first, gaps)]


def _late(first: float, gaps: list[float]) -> list[float]:
    found, at = [first - TTFT_MS], first
    for number, gap in enumerate(gaps, start=1):
        at += gap
        found.append(at - TTFT_MS - number * ITL_MS)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round, kind and server")
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="parts of names of servers")
    parser.add_argument("--paced", type=int, metavar="STREAMS", help="lateness of so many paced streams instead")
    parser.add_argument("--answers", type=int, metavar="N", help="how memory grows over so many answers instead")
    parser.add_argument("--stream", action="store_true", help="streams, for --answers")
    parser.add_argument("--nice", type=int, default=0, help="of the paced load generator")
    given = parser.parse_args()
    if given.answers:
        grown(given.users, given.answers, stream=given.stream)
    elif given.paced:
        paced(given.paced, given.rounds, given.nice)
    else:
        compare(given)


if __name__ == "__main__":
    main()
