"""What the mock costs: answers per server core-second, against bare Starlette on the same uvicorn, round by round.

Rounds of the two servers alternate and only medians are shown; figures of different machines are not to be compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from harness import mock

HERE = Path(__file__).parent
MODEL = "Qwen/Qwen3-32B-TEE"
TOKENS = 32
KINDS = {"whole answers": False, "streams": True}


@dataclass(frozen=True)
class Served:
    """A server under load: where it listens, which process it is, which key it takes."""

    port: int
    process: psutil.Process
    key: str

    def request(self, *, stream: bool) -> str:
        asked = {"role": "user", "content": "Count from 1 to 100, separated by spaces."}
        members = {"model": MODEL, "messages": [asked], "max_tokens": TOKENS, "temperature": 0, "stream": stream}
        body = json.dumps(members)
        lines = (
            "POST /v1/chat/completions HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def rate(self, users: int, seconds: float, *, stream: bool) -> float:
        """Answers for each second of processor time that the server spent on them."""
        asked = {"port": self.port, "request": self.request(stream=stream), "users": users, "seconds": seconds}
        before = self._core_seconds()
        line = [sys.executable, str(HERE / "client.py")]
        done = subprocess.run(line, input=json.dumps(asked), capture_output=True, text=True, check=True)
        return float(json.loads(done.stdout)["answers"] / (self._core_seconds() - before))

    def _core_seconds(self) -> float:
        spent = self.process.cpu_times()
        return float(spent.user + spent.system)


@contextlib.contextmanager
def the_mock(contract: str) -> Iterator[Served]:
    """The mock without pauses, and a key of its own that no rate limit and no balance stops."""
    ours = psutil.Process()
    with mock.running(contract, (), "--ttft=0", "--itl=0", f"--tokens={TOKENS}") as path:
        described = tomllib.loads(path.read_text())
        process = next(child for child in ours.children() if "mockserver" in " ".join(child.cmdline()))
        port = int(described["base_url"].rsplit(":", 1)[1].split("/")[0])
        yield Served(port, process, _key(described, path))


def _key(described: dict[str, dict[str, str]], path: Path) -> str:
    pairs = (line.partition("=") for line in path.with_suffix(".env").read_text().splitlines())
    token = {name: value for name, _, value in pairs}[described["control"]["token"]]
    wanted = json.dumps({"account": None, "balance_usd": "1000000", "requests_per_minute": 1_000_000_000}).encode()
    headers = {"X-Control-Token": token, "Content-Type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(described["control"]["url"] + "/keys", wanted, headers)
    ) as answer:
        return str(json.load(answer)["key"])


@contextlib.contextmanager
def bare() -> Iterator[Served]:
    """The peer, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(HERE / "bare.py"), str(port)])
    try:
        _await(port)
        yield Served(port, psutil.Process(process.pid), "none-is-asked-for")
    finally:
        process.terminate()
        process.wait(5)


def _await(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"the peer does not listen on port {port}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contract", default="voltagegpu-confidential")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round, kind and server")
    parser.add_argument("--users", type=int, default=8)
    chosen = parser.parse_args()
    rates: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in KINDS}
    with the_mock(chosen.contract) as ours, bare() as theirs:
        for round_number in range(chosen.rounds + 1):
            for kind, stream in KINDS.items():
                pair = [s.rate(chosen.users, chosen.seconds, stream=stream) for s in (ours, theirs)]
                if round_number:  # the first round warms both up
                    rates[kind][0].append(pair[0])
                    rates[kind][1].append(pair[1])
    Console().print(table(rates, chosen.rounds))


def table(rates: dict[str, tuple[list[float], list[float]]], rounds: int) -> Table:
    """Medians, their ratio, and how far the rounds were apart."""
    title = f"per server core-second, median of {rounds} rounds, {os.cpu_count()} cores, streams of {TOKENS} tokens"
    shown = Table("", "mock", "bare Starlette", "mock / bare", "ratio by round", title=title)
    for kind, (ours, theirs) in rates.items():
        ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
        middle = [statistics.median(values) for values in (ours, theirs, ratios)]
        spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
        shown.add_row(kind, f"{middle[0]:.0f}", f"{middle[1]:.0f}", f"{middle[2]:.3f}", spread)
    return shown


if __name__ == "__main__":
    main()
