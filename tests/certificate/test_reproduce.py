"""The lines that a finding gives to be seen again: played from what is saved, they show the same finding."""

from __future__ import annotations

import random
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness import cli, results
from tests.certificate.conftest import Signed

SAMPLE = 3


def findings_of(folder: Path) -> list[dict[str, Any]]:
    return [finding for row in results.read(folder)["requirements"] for finding in row["findings"]]


def seen(findings: list[dict[str, Any]], requirement: str) -> set[tuple[str, tuple[str, ...]]]:
    return {(f["signature"], tuple(f["exchanges"])) for f in findings if f["requirement"] == requirement}


def test_a_sample_of_replay_lines_shows_the_same_findings(
    broken: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = findings_of(broken.folder)
    for number, finding in enumerate(random.Random(7).sample(before, SAMPLE)):
        program, *words = shlex.split(finding["reproduce"]["replay"])
        assert program == "assay"
        out = tmp_path / f"again{number}"
        done = CliRunner().invoke(cli.main, [*words, "--out", str(out)])
        assert done.exit_code == 1, done.output
        requirement = finding["requirement"]
        assert seen(findings_of(out), requirement) == seen(before, requirement)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give --target"),
        (("--replay", "{run}", "--target", "mock"), "give --target"),
        (("--replay", "{run}#x999999"), "no exchange x999999; there are x0"),
        (("--replay", "{run}", "--defect", "never-says-done"), "--defect"),
        (("--replay", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_line(broken: Signed, words: tuple[str, ...], said: str) -> None:
    line = ["run", "voltagegpu-confidential", *(word.format(run=broken.folder) for word in words)]
    done = CliRunner().invoke(cli.main, line)
    assert (done.exit_code, said in done.output) == (2, True), done.output
