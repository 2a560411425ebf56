"""What a reconciliation costs: ours on DuckDB, against the same sums and the same join in pandas, on the same files.

Each way runs in a process of its own, which tells its time and the most memory it held. One id in a hundred differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from rich.table import Table
from rounds import console, machine

PRICES = {f"org/model-{n}": (str(0.37 + n / 8), str(1.48 + n / 4)) for n in range(8)}
CALLS = """
COPY (
  SELECT 'req_' || left(md5(i::VARCHAR), 24) AS request_id,
    TIMESTAMP '2026-11-20 00:00:00' + to_microseconds(i * 8640) AS started,
    TIMESTAMP '2026-11-20 00:00:01' + to_microseconds(i * 8640) AS ended,
    'org/model-' || (i % 8) AS model,
    CASE WHEN i % 40 = 7 THEN 'refused' WHEN i % 40 = 9 THEN 'failed' ELSE 'completed' END AS outcome,
    100 + hash(i) % 4000 AS prompt_tokens, 1 + hash(i + 1) % 1000 AS completion_tokens
  FROM range({rows}) t(i)
) TO '{folder}/calls.parquet' (FORMAT parquet)
"""
LEDGER = """
COPY (
  WITH priced AS (
    SELECT c.*, row_number() OVER () AS i,
      (prompt_tokens::HUGEINT * p.prompt + completion_tokens::HUGEINT * p.completion) AS atto
    FROM '{folder}/calls.parquet' c JOIN prices p ON p.model = c.model WHERE outcome = 'completed'
  ),
  due AS (
    SELECT *, (atto // 1000000000 + CASE WHEN 2 * (atto % 1000000000) > 1000000000
      OR (2 * (atto % 1000000000) = 1000000000 AND (atto // 1000000000) % 2 = 1) THEN 1 ELSE 0 END)::BIGINT AS nano
    FROM priced
  )
  SELECT request_id, ended AS "at", 'charge' AS kind, nano * CASE WHEN i % 200 = 3 THEN 2 ELSE 1 END AS nano_usd, model
  FROM due WHERE i % 400 <> 5
  UNION ALL
  SELECT request_id, ended, 'charge', nano, model FROM due WHERE i % 400 = 11
  ORDER BY hash(request_id)
) TO '{folder}/ledger.parquet' (FORMAT parquet)
"""


def generate(folder: Path, rows: int) -> None:
    """Calls in order of time and a ledger in no order, with doubled, repeated and missing charges."""
    db = duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(folder / "made")})
    listed = [(m, *(int(float(usd) * 1_000_000 + 0.5) * 10**6 for usd in pair)) for m, pair in PRICES.items()]
    db.execute("CREATE TABLE prices (model VARCHAR, prompt HUGEINT, completion HUGEINT)")
    db.executemany("INSERT INTO prices VALUES (?, ?, ?)", listed)
    for query in (CALLS, LEDGER):
        db.execute(query.format(rows=rows, folder=folder))
    catalogue = [{"id": m, "pricing": {"prompt": p, "completion": c}} for m, (p, c) in PRICES.items()]
    (folder / "prices.json").write_text(json.dumps({"data": catalogue}))


def ours(folder: Path, memory: str) -> dict[str, Any]:
    from harness.reconcile import Inputs, Settings, reconcile

    files = (folder / "calls.parquet", folder / "ledger.parquet")
    settings = Settings(memory=memory, folder=folder)
    found = reconcile(Inputs(*files, prices=folder / "prices.json", settings=settings))
    return {"differing": found["counts"]["differing"], "difference": found["totals"]["difference_nano"]}


def pandas_join(folder: Path, _: str) -> dict[str, Any]:
    """Prices, one sum an id, one outer join, the difference. It names no cause and checks no value."""
    import numpy as np
    import pandas as pd

    calls = pd.read_parquet(
        folder / "calls.parquet", columns=["request_id", "model", "outcome", "prompt_tokens", "completion_tokens"]
    )
    ledger = pd.read_parquet(folder / "ledger.parquet", columns=["request_id", "nano_usd"])
    prices = {m: [int(float(usd) * 1_000_000 + 0.5) * 10**6 for usd in pair] for m, pair in PRICES.items()}
    prompt, completion = (calls["model"].map({m: pair[n] for m, pair in prices.items()}) for n in range(2))
    counts = (calls[name].astype("int64") for name in ("prompt_tokens", "completion_tokens"))
    atto = next(counts) * prompt + next(counts) * completion
    whole, rest = atto // 10**9, atto % 10**9
    up = (2 * rest > 10**9) | ((2 * rest == 10**9) & (whole % 2 == 1))
    calls["due"] = np.where(calls["outcome"] == "completed", whole + up, 0)
    charged = ledger.groupby("request_id", sort=False)["nano_usd"].agg(["sum", "size"]).reset_index()
    both = calls[["request_id", "outcome", "due"]].merge(charged, on="request_id", how="outer", indicator=True)
    difference = both["sum"].fillna(0).astype("int64") - both["due"].fillna(0).astype("int64")
    return {"differing": int((difference != 0).sum()), "difference": int(difference.sum())}


WAYS = {"ours": ours, "pandas": pandas_join}


def child(way: str, folder: Path, memory: str) -> None:
    before = time.perf_counter()
    found = WAYS[way](folder, memory)
    seconds = time.perf_counter() - before
    print(json.dumps({**found, "seconds": seconds, "mib": highest()}))


def highest() -> float:
    """MiB of resident memory at most, of this program alone: what rusage tells begins with what the parent held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(way: str, folder: Path, memory: str) -> dict[str, Any]:
    line = [sys.executable, __file__, "--child", way, "--folder", str(folder), "--memory", memory]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000, help="requests (default a million)")
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--memory", default="1GB", help="bound of our engine")
    options.add_argument("--keep", type=Path, metavar="DIR", help="where the files are made once, and found again")
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--child", choices=list(WAYS), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        return child(given.child, given.folder, given.memory)
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        folder = given.keep or Path(name)
        if not (folder / "prices.json").exists():
            generate(folder, given.rows)
        rounds = [{way: measured(way, folder, given.memory) for way in WAYS} for _ in range(given.rounds)]
    show(given.rows, rounds)
    return None


def show(rows: int, rounds: list[dict[str, dict[str, Any]]]) -> None:
    table = Table(title=f"{rows:,} requests, {machine()}")
    for column in ("way", "seconds", "requests/s", "MiB at most", "x pandas", "ids that differ"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for found in rounds:
        assert len({(row["differing"], row["difference"]) for row in found.values()}) == 1, "the two ways disagree"
        for way, row in found.items():
            share = found["pandas"]["seconds"] / row["seconds"]
            figures = f"{row['seconds']:.1f}", f"{rows / row['seconds']:,.0f}", f"{row['mib']:.0f}", f"{share:.2f}"
            table.add_row(way, *figures, f"{row['differing']:,}")
    console().print(table)


if __name__ == "__main__":
    main()
