"""The command `python -m foreign.spend`: every experiment, a run of ours held against what was booked, a budget."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from foreign import install
from foreign.deployment import Deployment
from foreign.litellm import VERSION
from foreign.spend.experiments import EXPERIMENTS, Finding, findings, over_budget
from foreign.spend.lab import Lab, laboratory
from foreign.spend.prices import PRICES


def reconciled(lab: Lab, folder: Path) -> None:
    """A run of ours through the proxy, held against what it booked meanwhile."""
    run, prices, ledger = folder / "run", folder / "prices.json", folder / "run-spend.jsonl"
    shutil.rmtree(run, ignore_errors=True)
    listed = {model: {"prompt": str(prompt), "completion": str(done)} for model, (prompt, done) in PRICES.items()}
    prices.write_text(json.dumps(listed))
    key = str(lab.proxy.headers["Authorization"]).removeprefix("Bearer ")
    target = Deployment(f"litellm {VERSION}", f"{lab.proxy.base_url}/v1", {"main": key}).write_target(folder)
    line = [sys.executable, "-m", "harness.cli"]
    suites = ["--suite=contract", "--suite=stream"]
    subprocess.call([*line, "run", "openai-core", f"--target={target}", f"--out={run}", *suites])  # noqa: S603 - ours
    rows = lab.booked(10_000)
    ledger.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    files = [f"--exchanges={run}", f"--ledger={ledger}", f"--prices={prices}"]
    subprocess.call([*line, "reconcile", *files, "--format=litellm", "--pair=completion"])  # noqa: S603


def main(arguments: list[str] | None = None) -> int:
    """0 when every experiment was made, or LiteLLM cannot be installed here; 3 when it does not start."""
    parser = argparse.ArgumentParser(prog="foreign.spend", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/foreign-litellm-spend"))
    parser.add_argument("--prefix", type=Path, default=Path(".nox"))
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "spend.jsonl").unlink(missing_ok=True)
    folder, venv = chosen.out.resolve(), (chosen.prefix / "foreign-litellm").resolve()
    try:
        with laboratory(folder, venv) as lab:
            _say(f"litellm {VERSION}: {len(EXPERIMENTS) + 1} experiments")
            for found in findings(lab):
                _tell(found)
            reconciled(lab, folder)
        (folder / "spend.jsonl").unlink(missing_ok=True)
        with laboratory(folder, venv, budget=1e-9) as lab:
            _tell(over_budget(lab))
    except install.NotInstallable as problem:
        _say(f"litellm: skipped, it could not be installed. {problem}")
    return 0


def _tell(found: Finding) -> None:
    word = {True: "SEEN", False: "not seen", None: "cannot tell"}[found.seen]
    _say(f"{word:11} {found.defect:8} {found.what}: {found.told}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main())
