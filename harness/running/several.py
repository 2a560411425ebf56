"""Several contracts against the embedded mock: each in its own process, one more at a time than there are cores."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import specs
from harness.model import Exit

MANY = {"only": "--only", "suites": "--suite", "defects": "--defect"}
ONE = {"base_url": "--base-url", "profile": "--profile", "seed": "--seed", "workers": "--workers"}
PERHAPS = {"cap_usd": "--cap", "fuzz_seconds": "--fuzz-seconds", "fuzz_resume": "--fuzz-resume"}
GLANCE_S = 0.05
DUE = ("results.json", "report.html")  # what a run leaves behind, however it ended
AT_ONCE = (os.cpu_count() or 1) + 1  # a run waits for its mock and its loads a third of its time


def run(folders: Mapping[str, Path], target: str, asked: Mapping[str, Any]) -> None:
    """Run each contract into its folder; results.json tells how it ended. Raises SystemExit where `DUE` is not there.

    A run that is broken off keeps what it has: its process hears of Ctrl-C by itself, and is waited for.
    """
    waiting, flying = sorted(folders, key=_length), dict[str, subprocess.Popen[bytes]]()
    try:
        while waiting or flying:
            while waiting and len(flying) < AT_ONCE:
                name = waiting.pop()
                flying[name] = _start(name, folders[name], target, asked)
            ended = [name for name, process in flying.items() if process.poll() is not None]
            for name in ended:
                _look_at(flying.pop(name), folders[name])
            if not ended:
                time.sleep(GLANCE_S)
    finally:
        for process in flying.values():
            process.wait()


def _length(contract: str) -> int:
    """How long a run takes, as far as rows tell: the longest begins first, so that none runs alone in the end."""
    return len(specs.load(contract).requirements)


def _start(contract: str, folder: Path, target: str, asked: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    for name in DUE:
        (folder / name).unlink(missing_ok=True)  # of an earlier run: it must not pass for what this one found
    words = ["run", contract, "--target", target, "--out", str(folder), "--json", *_options(asked)]
    return subprocess.Popen([sys.executable, "-m", "harness.cli", *words], stdout=subprocess.DEVNULL)  # noqa: S603


def _options(asked: Mapping[str, Any]) -> Sequence[str]:
    """The options of the command line as they were given."""
    many = [word for name, flag in MANY.items() for value in asked.get(name, ()) for word in (flag, str(value))]
    given = {**ONE, **PERHAPS}
    one = [(flag, asked.get(name)) for name, flag in given.items()]
    return [*many, *(word for flag, value in one if value is not None for word in (flag, str(value)))]


def _look_at(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Its error stands on the terminal already, and a verdict without its report is no verdict."""
    results, report = ((folder / name).is_file() for name in DUE)
    if not results:
        raise SystemExit(process.returncode or Exit.HARNESS_FAULT)
    if not report:
        raise SystemExit(Exit.HARNESS_FAULT)
