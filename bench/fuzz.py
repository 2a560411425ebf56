"""What raw schemathesis finds at its defaults, and what `assay run --suite fuzz` finds, defect by defect.

Both see the same mock with one defect of the catalogue switched on, in turn. Raw schemathesis is told a real
model; a failure that it also reports of the clean mock is not counted. What it had found by the time that it had cost
as many billed answers as ours is read from its own record.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

import specs
from harness import mock
from suites.selftest.trials import checks_of, defects_of

SUITES = {"contract", "stream", "catalogue", "completions", "embeddings", "images", "limits", "gate"}
FAR_S = 600


@dataclass(frozen=True)
class Finding:
    """A failure of schemathesis, and how many answers had been billed by then."""

    what: str
    billed: int


@dataclass(frozen=True)
class Run:
    seconds: float
    calls: int
    billed: int
    found: tuple[Finding, ...]


def api_shaped(contract: specs.Contract) -> list[str]:
    """The defects of answers of the API, without those that were made for the fuzz suite, for load and for bills."""
    checks = checks_of(contract)
    chosen = []
    for defect in defects_of(contract):
        suites = {check.split("/")[1] for i in defect.breaks for check in checks.get(i, ())}
        if suites and suites <= SUITES:
            chosen.append(defect.name)
    return chosen


def document(contract: specs.Contract, model: str, folder: Path) -> Path:
    """The contract's OpenAPI document with a model that the mock serves, as who uses schemathesis would write it."""
    made = copy.deepcopy(contract.openapi)
    for node in _objects(made):
        if isinstance(node.get("value"), dict) and "model" in node["value"]:
            node["value"]["model"] = model
        properties = node.get("properties")
        if isinstance(properties, dict) and {"model", "messages"} <= properties.keys():
            properties["model"] = {"type": "string", "enum": [model]}
    path = folder / "openapi.yaml"
    path.write_text(yaml.safe_dump(made, sort_keys=False))
    return path


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _objects(inner)


def raw(contract: specs.Contract, defects: tuple[str, ...], folder: Path) -> Run:
    """`st run` as it comes, against a fresh mock."""
    with mock.running(contract.name, defects) as path:
        told = tomllib.loads(path.read_text())
        keys = dict(line.partition("=")[::2] for line in path.with_suffix(".env").read_text().splitlines())
        record = folder / "st.ndjson"
        header = contract.trait("auth.header")
        word = "Bearer " if contract.trait("auth.scheme", "bearer") == "bearer" else ""
        line = ["st", "run", str(document(contract, told["model"]["default"], folder)), "--url", told["base_url"]]
        line += ["-H", f"{header}: {word}{keys[told['keys']['main']]}", "--seed", "1"]
        line += ["--report", "ndjson", "--report-ndjson-path", str(record), "--no-color"]
        started = time.monotonic()
        subprocess.run(line, capture_output=True, timeout=FAR_S, cwd=folder, check=False)
        return _read(record, time.monotonic() - started)


def _read(record: Path, seconds: float) -> Run:
    calls, billed, found = 0, 0, list[Finding]()
    with record.open() as lines:
        for line in lines:
            event = json.loads(line).get("ScenarioFinished")
            recorder = event["recorder"] if event else {"interactions": {}, "checks": {}}
            for case, interaction in recorder.get("interactions", {}).items():
                calls += 1
                answer, asked = interaction.get("response") or {}, interaction["request"]
                billed += asked["method"] == "POST" and answer.get("status_code") == 200
                for check in recorder.get("checks", {}).get(case, ()):
                    if check["status"] == "failure":
                        title = ((check.get("failure_info") or {}).get("failure") or {}).get("title", "")
                        found.append(Finding(f"{recorder['label']} {check['name']} {title}", billed))
    return Run(seconds, calls, billed, tuple(found))


def ours(contract: specs.Contract, defects: tuple[str, ...], folder: Path) -> Run:
    """`assay run --suite fuzz` as it comes."""
    out = folder / "ours"
    line = [sys.executable, "-m", "harness.cli", "run", contract.name, "--target", "mock", "--suite", "fuzz"]
    line += [word for name in defects for word in ("--defect", name)]
    started = time.monotonic()
    subprocess.run([*line, "--out", str(out)], capture_output=True, timeout=FAR_S, check=False)
    seconds = time.monotonic() - started
    results = json.loads((out / "results.json").read_text())
    billed, at = 0, dict[str, int]()  # billed answers up to and with each exchange
    with (out / "exchanges.jsonl").open() as lines:
        for row in map(json.loads, lines):
            billed += row["request"]["method"] == "POST" and row["status"] == 200
            at[row["id"]] = billed
    kinds = [
        results["fuzz"],
        *(results["fuzz"].get(kind, {}) for kind in ("rewritten", "hostile", "sequences", "races")),
    ]
    found = [
        Finding(f"{cause['requirement']} {cause['signature']}", at.get(cause["first"], 0))
        for kind in kinds
        for cause in kind.get("causes", ())
    ]
    return Run(seconds, results["spend"]["calls"], billed, tuple(found))


def compared(contract: specs.Contract, name: str, clean: Run, folder: Path) -> dict[str, Any]:
    usual = {found.what for found in clean.found}
    one, two = raw(contract, (name,), folder), ours(contract, (name,), folder)
    fresh = [found for found in one.found if found.what not in usual]
    return {
        "defect": name,
        "raw": bool(fresh),
        "raw_at_our_bill": any(found.billed <= two.billed for found in fresh),
        "ours": bool(two.found),
        "ours_at_raw_bill": any(found.billed <= one.billed for found in two.found),
        "raw_s": round(one.seconds, 1),
        "ours_s": round(two.seconds, 1),
        "raw_calls": one.calls,
        "ours_calls": two.calls,
        "raw_billed": one.billed,
        "ours_billed": two.billed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contract", default="openai-core")
    parser.add_argument("--sample", type=int, help="so many defects, drawn by --seed; all when left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/bench-fuzz.jsonl"))
    chosen = parser.parse_args()
    contract = specs.load(chosen.contract)
    names = api_shaped(contract)
    asked = names if chosen.sample is None else random.Random(chosen.seed).sample(names, min(chosen.sample, len(names)))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clean, silent = raw(contract, (), folder), ours(contract, (), folder)
        with chosen.out.open("w") as out:
            head = {"clean_raw": len({f.what for f in clean.found}), "clean_ours": len(silent.found), "of": len(names)}
            out.write(json.dumps({**head, "contract": contract.name, "seed": chosen.seed}) + "\n")
            for name in asked:
                rows.append(compared(contract, name, clean, folder))
                out.write(json.dumps(rows[-1]) + "\n")
                out.flush()
    _show(rows, len(names), clean, silent)


def _show(rows: list[dict[str, Any]], of: int, clean: Run, silent: Run) -> None:
    table = Table("", "found", "seconds", "calls", "billed", title=f"{len(rows)} of {of} API-shaped defects")
    count = len(rows) or 1
    for title, found, who in (
        ("schemathesis at its defaults", "raw", "raw"),
        ("the same, at as many billed answers as ours", "raw_at_our_bill", None),
        ("assay run --suite fuzz", "ours", "ours"),
        ("the same, at as many billed answers as schemathesis", "ours_at_raw_bill", None),
    ):
        means = (
            ["", "", ""]
            if who is None
            else [f"{sum(r[f'{who}_{n}'] for r in rows) / count:.0f}" for n in ("s", "calls", "billed")]
        )
        table.add_row(title, str(sum(row[found] for row in rows)), *means)
    console = Console()
    console.print(table)
    console.print(
        f"clean mock: {len({f.what for f in clean.found})} findings of schemathesis, {len(silent.found)} of ours"
    )


if __name__ == "__main__":
    main()
