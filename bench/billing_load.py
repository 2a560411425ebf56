"""A load with faults and aborts, and the books after it: does the ledger charge what every request came to?

Clients ask the mock as fast as it answers, streams and not; a provider fault meets one request in twenty, and one
stream in twenty is left. What the clients saw becomes a log, the mock's state file a ledger, `assay reconcile` judges.
Throughput is not the point, and is only shown so that the run can be planned.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

MODEL = "Qwen/Qwen3-32B-TEE"
FAULTS: tuple[dict[str, Any], ...] = (
    {"fault": "drop_after_chunks", "at": 3, "probability": 0.01},
    {"fault": "error_in_stream", "at": 2, "probability": 0.01},
    {"fault": "fail_before_first_byte", "probability": 0.01},
    {"fault": "refuse", "status": 503, "probability": 0.01},
    {"fault": "omit_usage", "probability": 0.01},
)
LEFT = 0.05  # of the streams
CLIENTS = 48


class Client:
    """One connection at a time; a stream that is left, or that breaks, costs it."""

    def __init__(self, host: str, port: int, key: str, log: TextIO, seed: int) -> None:
        self._where, self._key, self._log = (host, port), key, log
        self._draw = random.Random(seed)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.outcomes = Counter[str]()

    async def ask(self) -> None:
        """One request, and its line of the log."""
        stream, bound = self._draw.random() < 0.5, self._draw.randint(1, 24)
        leaves = stream and self._draw.random() < LEFT
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Count from 1 to 20"}], "max_tokens": bound}
        started = time.time()
        status, headers, raw, outcome = await self._sent(json.dumps({**body, "stream": stream}).encode(), leaves)
        events = [json.loads(line[6:]) for line in raw.split(b"\n\n") if line.startswith(b"data: {")] if stream else []
        documents = events if stream else [json.loads(raw)] if raw else []
        usage = next((d["usage"] for d in reversed(documents) if d.get("usage")), {})
        if outcome == "completed" and any(d.get("error") for d in events):
            outcome = "stream-error"
        if status != 200:
            outcome = "failed" if status >= 500 else "refused"
        self.outcomes[outcome] += 1
        row = {
            "request_id": headers["x-request-id"],
            "started": _iso(started),
            "ended": _iso(time.time()),
            "model": MODEL,
            "status": status,
            "outcome": outcome,
            "stream": stream,
            "max_tokens": bound,
            "prompt_tokens": usage.get("prompt_tokens") if outcome == "completed" else None,
            "completion_tokens": usage.get("completion_tokens") if outcome == "completed" else None,
        }
        self._log.write(json.dumps(row) + "\n")

    async def _sent(self, body: bytes, leaves: bool) -> tuple[int, dict[str, str], bytes, str]:
        reader, writer = await self._connected()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer {self._key}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])}
        status = int(lines[0].split()[1])
        if leaves and status == 200:
            await reader.readuntil(b"\r\n")
            self._close()
            return status, headers, b"", "aborted"
        if "content-length" in headers:
            return status, headers, await reader.readexactly(int(headers["content-length"])), "completed"
        return status, headers, await self._chunks(reader), "completed"

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        found = bytearray()
        while size := int(await reader.readuntil(b"\r\n"), 16):
            found += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return bytes(found)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._where)
        return self._streams

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def load(host: str, port: int, key: str, log: TextIO, requests: int, seed: int) -> Counter[str]:
    """So many requests over all clients; how they ended."""
    left = iter(range(requests))
    clients = [Client(host, port, key, log, seed * 1000 + n) for n in range(CLIENTS)]

    async def work(client: Client) -> None:
        for _ in left:
            await client.ask()

    await asyncio.gather(*map(work, clients))
    return sum((client.outcomes for client in clients), Counter[str]())


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class Mock:
    """The mock as a process on a state file, with faults of its provider."""

    def __init__(self, folder: Path) -> None:
        self.target, self.state = folder / "target.toml", folder / "state.db"
        line = [sys.executable, "-m", "mockserver", "voltagegpu-confidential", "--ttft", "0", "--itl", "0"]
        self._process = subprocess.Popen(
            [*line, "--state", str(self.state), "--write-target", str(self.target), "--json"], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        told = tomllib.loads(self.target.read_text())
        lines = self.target.with_suffix(".env").read_text().splitlines()
        self.secrets = dict(line.split("=", 1) for line in lines)
        self.base, self.control = told["base_url"], told["control"]["url"]

    def tell(self, path: str, body: dict[str, Any]) -> Any:
        """POST to the control API."""
        headers = {"X-Control-Token": self.secrets["ASSAY_CONTROL_TOKEN"], "Content-Type": "application/json"}
        asked = urllib.request.Request(self.control + path, json.dumps(body).encode(), headers)
        return json.load(urllib.request.urlopen(asked))

    def prices(self, path: Path) -> None:
        headers = {"Authorization": f"Bearer {self.secrets['ASSAY_MAIN_KEY']}"}
        with urllib.request.urlopen(urllib.request.Request(self.base + "/models", headers=headers)) as answer:
            path.write_bytes(answer.read())

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate()


def measured(requests: int, seed: int, folder: Path) -> Iterator[tuple[str, str]]:
    """Rows of the table."""
    mock, log, prices, ledger = Mock(folder), folder / "log.jsonl", folder / "models.json", folder / "ledger.jsonl"
    try:
        key = mock.tell("/keys", {"balance_usd": "100000", "requests_per_minute": 10**9})
        for fault in FAULTS:
            mock.tell("/upstream/faults", fault)
        mock.prices(prices)
        where, began = urlsplit(mock.base), time.perf_counter()
        with log.open("w") as lines:
            ends = asyncio.run(load(where.hostname or "", where.port or 0, key["key"], lines, requests, seed))
        took = time.perf_counter() - began
    finally:
        mock.stop()
    exported = [sys.executable, "-m", "mockserver.ledger", str(mock.state)]
    with ledger.open("w") as lines:
        subprocess.run(exported, stdout=lines, check=True)
    began = time.perf_counter()
    line = [sys.executable, "-m", "harness.cli", "reconcile", "--exchanges", str(log), "--ledger", str(ledger)]
    more = ["--prices", str(prices), "--markup", "1.85", "--json"]
    done = subprocess.run([*line, *more], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 4):
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout)
    yield "requests", f"{requests:,} in {took:.1f} s, {requests / took:,.0f} a second"
    yield "how they ended", ", ".join(f"{name} {count:,}" for name, count in ends.most_common())
    yield "verdict", found["verdict"]
    for name in ("due_nano", "charged_nano", "difference_nano", "unexplained_nano"):
        yield name, f"{found['totals'][name]:,}"
    for name in ("calls", "matched", "exact", "differing", "by_ledger_counts", "missing", "unknown"):
        yield name, f"{found['counts'][name]:,}"
    yield "reconciled in", f"{time.perf_counter() - began:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).parents[1]))
    table = Table("", "", title="A load with 5 % faults and aborts, against the ledger", show_header=False)
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        for name, value in measured(chosen.requests, chosen.seed, Path(folder)):
            table.add_row(name, value)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
