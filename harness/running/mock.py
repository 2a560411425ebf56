"""Starts the reference mock as a process of its own and stops it. Knows its command line, none of its code."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

START_TIMEOUT_S = 20.0


class MockFault(RuntimeError):
    """The mock did not start; the message ends with what it printed."""


def command(contract: str, *options: str) -> list[str]:
    """The command line that serves `contract`."""
    return [sys.executable, "-m", "mockserver", contract, *options]


@contextlib.contextmanager
def running(contract: str, defects: Sequence[str] = (), *options: str) -> Iterator[Path]:
    """A mock with its control API on, on a free port of the loopback; yields the path of its target file."""
    with tempfile.TemporaryDirectory(prefix="assay-mock-") as folder:
        target = Path(folder) / "target.toml"
        switched = [word for name in defects for word in ("--defect", name)]
        line = command(
            contract,
            "--port=0",
            f"--write-target={target}",
            *switched,
            *options,
        )
        with (Path(folder) / "mock.log").open("w+b") as log:
            process = subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 - our own module
            try:
                _await_target(process, target, Path(log.name))
                yield target
            finally:
                _stop(process)


def _await_target(process: subprocess.Popen[bytes], target: Path, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not target.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace").strip()[-2000:].removeprefix("error: ") or "it printed nothing"
            raise MockFault(f"the mock did not start: {said}")
        time.sleep(0.01)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def output_of(*options: str) -> str:
    """What the mock prints for options that make it print and stop. Raises MockFault when it fails."""
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "mockserver", *options], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise MockFault((done.stderr or done.stdout).strip())
    return done.stdout
