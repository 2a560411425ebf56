"""`assay run` against the mock: exit codes, files, plans that hold, secrets that do not get out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

import reports
from harness import cli
from harness.model import Exit
from harness.running import mock
from harness.target import KEY_VARIABLE
from tests.e2e.conftest import ASSAY, CONTRACT, ROOT, SUITES, Assay, Done, command, secrets_of, valid


def test_a_clean_run_conforms(clean: Done) -> None:
    assert clean.code == Exit.CONFORMS, clean.said
    results = clean.results
    assert (results["verdict"], results["run"]["seed"], results["run"]["suites"]) == ("conforms", 7, list(SUITES))
    assert not {"fail", "error", "warn"} & results["counts"].keys()
    names = {path.name for path in clean.folder.iterdir()}
    assert {"plan.json", "exchanges.jsonl", "report.html", "junit.xml", "report.md"} <= names


def test_the_plan_is_an_upper_bound(clean: Done) -> None:
    plan, spend = valid("plan", json.loads((clean.folder / "plan.json").read_text())), clean.results["spend"]
    assert (spend["estimated_calls"], Decimal(spend["estimated_usd"])) == (plan["calls"], Decimal(plan["usd"]))
    assert spend["calls"] <= plan["calls"]
    assert Decimal(spend["usd"]) <= Decimal(plan["usd"])


def test_the_plan_line_is_one_line(clean: Done) -> None:
    assert any(line.startswith("plan:") and "the cap of $" in line for line in clean.err.splitlines())


@pytest.mark.parametrize("kind", sorted(reports.KINDS))
def test_a_run_is_rendered_again_in_every_format(clean: Done, kind: str, tmp_path: Path) -> None:
    words = ("report", str(clean.folder), "--format", kind)
    printed = CliRunner().invoke(cli.main, words)
    written = CliRunner().invoke(cli.main, (*words, "--output", str(tmp_path / "report")))
    assert (printed.exit_code, written.exit_code) == (0, 0)
    assert (tmp_path / "report").read_text().strip() == printed.stdout.strip() != ""


def test_over_tls_evidence_is_held_against_the_certificate_seen(run: Assay) -> None:
    with mock.running(CONTRACT, (), "--tls") as target:
        done = run(CONTRACT, "--target", str(target), "--suite", "attestation")
    assert done.code == Exit.CONFORMS, done.said
    assert done.outcomes()["AT-090"] == "pass"
    rows = [json.loads(line) for line in (done.folder / "exchanges.jsonl").read_text().splitlines()]
    assert len({row["certificate"] for row in rows}) == 1


def test_two_workers_see_the_same(run: Assay, target: Path, clean: Done) -> None:
    spread = run(CONTRACT, "--target", str(target), "--profile", "quick", "--suite", "catalogue", "-n", "2")
    assert spread.results["run"]["workers"] == 2
    seen = {i: outcome for i, outcome in spread.outcomes().items() if spread.row(i)["reason"] != "not selected"}
    assert seen
    assert seen == {i: outcome for i, outcome in clean.outcomes().items() if i in seen}


def test_a_defect_does_not_conform(run: Assay) -> None:
    done = run(CONTRACT, "--target", "mock", "--defect", "never-says-done", "--only", "OC-082")
    assert done.code == Exit.DOES_NOT_CONFORM
    assert done.row("OC-082")["findings"]
    assert "OC-082" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "OC-999"), "OC-999"),
        (("--suite", "nonsense"), "there are: "),
        (("--only", "OC-082", "--cap", "0.0000001"), "cap is $0.0000001"),
        (("--only", "OC-082", "--cap", "much"), "not an amount"),
    ],
)
def test_a_bad_request_is_refused_before_anything_is_asked(
    run: Assay, target: Path, words: tuple[str, ...], said: str
) -> None:
    done = run(CONTRACT, "--target", str(target), *words)
    assert done.code == Exit.BAD_INVOCATION
    assert said in done.err
    assert not (done.folder / "results.json").exists()


def test_a_bad_target_file_is_told_by_line_and_key(run: Assay, tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text('base_url = "https://api.example.com/v1"\n\n[timeouts]\nconect_s = 3\n')
    done = run("openai-core", "--target", str(path))
    assert done.code == Exit.BAD_INVOCATION
    assert f"{path}:4: timeouts.conect_s: no such key; there are: connect_s" in " ".join(done.err.split())


def test_what_was_not_observed_makes_a_run_incomplete(run: Assay, target: Path) -> None:
    url = next(line.split('"')[1] for line in target.read_text().splitlines() if line.startswith("base_url"))
    key = secrets_of(target)[0]
    done = run(CONTRACT, "--target", url, "--only", "VT-010", "--only", "OC-130", environ={KEY_VARIABLE: key})
    assert done.code == Exit.INCOMPLETE
    assert done.row("OC-130")["outcome"] == "pass"
    assert "no control" in done.row("VT-010")["reason"]


def test_a_bug_of_the_harness_is_a_harness_fault(tmp_path: Path, target: Path) -> None:
    broken = "import harness.asking.ask as a, harness.cli as c; a._encoded = lambda body: body.no_such_thing; c.main()"
    words = ("run", CONTRACT, "--target", str(target), "--only", "OC-082", "--out", str(tmp_path / "run"))
    done = command(sys.executable, "-c", broken, *words, folder=tmp_path / "run")
    assert done.code == Exit.HARNESS_FAULT
    assert done.results["harness_faults"]
    assert done.row("OC-082")["outcome"] == "error"


def test_pytest_alone_can_run_the_suites(target: Path) -> None:
    line = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "suites")
    done = command(*line, "--contract", CONTRACT, "--target", str(target), "--only", "OC-082")
    assert done.code == 0, done.said
    assert "passed" in done.out


def test_no_secret_is_kept_or_shown(run: Assay) -> None:
    with mock.running(CONTRACT, ["returns-the-request-headers"]) as target:
        known = secrets_of(target)
        done = run(CONTRACT, "--target", str(target), "--profile", "quick", "--suite", "contract", "--suite", "billing")
    assert known
    files = [path for path in done.folder.rglob("*") if path.is_file()]
    assert files
    for text in (done.out, done.err, *(path.read_text(errors="replace") for path in files)):
        assert not [secret for secret in known if secret in text]
    assert "${" in (done.folder / "exchanges.jsonl").read_text(), "no key was sent back: the test has lost its subject"


def test_an_interrupted_run_keeps_what_it_saw(tmp_path: Path) -> None:
    """Started in a session of its own, so that the signal reaches what Ctrl-C reaches and not this test."""
    folder = tmp_path / "run"
    line = [*ASSAY, "run", CONTRACT, "--target", "mock", "--suite", "contract", "--out", str(folder)]
    process = subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    journal, deadline = folder / "exchanges.jsonl", time.monotonic() + 30
    while time.monotonic() < deadline and not (journal.exists() and journal.stat().st_size > 20_000):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    done = Done(process.returncode, said, "", 0.0, folder)
    assert done.code in {Exit.INCOMPLETE, Exit.DOES_NOT_CONFORM}
    assert done.results["run"]["interrupted"] is True
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # the mock is gone as well
