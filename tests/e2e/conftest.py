"""What the end-to-end tests share: the command as a process, a mock, and one clean run that many tests look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import specs
from harness.running import mock

ROOT = Path(__file__).parents[2]
ASSAY = (sys.executable, "-m", "harness.cli")
CONTRACT = "voltagegpu-confidential"
LIMIT_S = 60.0  # of any command; what should be quicker says so itself


@dataclass(frozen=True)
class Done:
    """How a command ended, and the run's folder if it was given one."""

    code: int
    out: str
    err: str
    seconds: float
    folder: Path

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def results(self) -> dict[str, Any]:
        """results.json, which has to be what its schema says."""
        return valid("results", json.loads((self.folder / "results.json").read_text()))

    def outcomes(self) -> dict[str, str]:
        return {row["id"]: row["outcome"] for row in self.results["requirements"]}

    def row(self, requirement: str) -> dict[str, Any]:
        found: dict[str, Any] = next(row for row in self.results["requirements"] if row["id"] == requirement)
        return found


def valid(schema: str, document: dict[str, Any]) -> dict[str, Any]:
    """The document. Fails when it is not what the schema of this name describes."""
    jsonschema.Draft202012Validator(specs.schema(schema)).validate(document)
    return document


def command(*words: str, environ: Mapping[str, str] | None = None, folder: Path = Path()) -> Done:
    """Run a command line to its end."""
    began = time.monotonic()
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=ROOT, timeout=LIMIT_S, env={**os.environ, **(environ or {})}
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began, folder)


Assay = Callable[..., Done]


@pytest.fixture(scope="session")
def assay() -> Assay:
    """`assay` with these words, as a process."""
    return lambda *words, **options: command(*ASSAY, *words, **options)


@pytest.fixture
def run(assay: Assay, tmp_path: Path) -> Assay:
    """`assay run` of a contract into a folder of its own."""
    folder = tmp_path / "run"
    return lambda *words, **options: assay("run", *words, "--out", str(folder), **options, folder=folder)


@pytest.fixture(scope="session")
def target() -> Iterator[Path]:
    """The target file of a mock that runs as long as the tests do."""
    with mock.running(CONTRACT) as path:
        yield path


@pytest.fixture(scope="session")
def clean(assay: Assay, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A quick run of several suites against the clean mock."""
    folder = tmp_path_factory.mktemp("clean") / "run"
    chosen = [word for name in SUITES for word in ("--suite", name)]
    words = ("run", CONTRACT, "--target", str(target), "--profile", "quick", "--seed", "7", "--out", str(folder))
    return assay(*words, *chosen, folder=folder)


SUITES = ("contract", "stream", "catalogue")


def secrets_of(target: Path) -> list[str]:
    """The values of the env file beside a target file."""
    return [line.partition("=")[2] for line in target.with_suffix(".env").read_text().splitlines() if line]
