"""Commands that judge nothing: what they print for machines, and how they refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness import cli
from harness.commands import explain
from harness.model import Exit
from harness.running import mock
from harness.target import load
from tests.e2e.conftest import ASSAY, CONTRACT, ROOT, Assay, Done, valid


def typed(*words: str) -> Any:
    return CliRunner().invoke(cli.main, words)


def test_contracts_are_listed_for_machines_and_people() -> None:
    rows = json.loads(typed("contracts", "--json").stdout)
    assert {row["name"] for row in rows} >= {"openai-core", CONTRACT}
    assert all(row["must"] > 0 for row in rows)
    assert CONTRACT in typed("contracts").stdout


def test_a_requirement_is_explained() -> None:
    row = json.loads(typed("explain", "VT-013", "--json").stdout)
    assert row["level"] == "MUST"
    assert row["checks"]
    assert row["defects"]
    assert row["source"] in " ".join(typed("explain", "VT-013").stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "XX-999"), "assay contracts"),
        (("run", "nonsense", "--target", "mock"), "openai-core"),
        (("run", "openai-core", "--target", "http://127.0.0.1:9/v1", "--defect", "x"), "--target mock"),
        (("run", "openai-core", "--target", "mock", "--defect", "no-such-defect"), "--list-defects"),
        (("run", "openai-core", "--target", "/no/such/file.toml"), "give a target file or a URL"),
        (("report", "/no/such/run"), "does not exist"),
        (("prove", "openai-core", "--defect", "no-such-defect"), "--list-defects"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_bad_invocation_names_the_way_out(assay: Assay, words: tuple[str, ...], said: str) -> None:
    done = assay(*words) if words[0] in {"run", "prove"} else typed(*words)
    code, output = (done.code, done.said) if isinstance(done, Done) else (done.exit_code, done.output)
    assert code == Exit.BAD_INVOCATION
    assert said in " ".join(output.split())


def test_a_file_without_results_is_refused(tmp_path: Path) -> None:
    for text, said in (("{", "not JSON"), ('{"a": 1}', "schema_version")):
        (tmp_path / "results.json").write_text(text)
        done = typed("report", str(tmp_path))
        assert done.exit_code == Exit.BAD_INVOCATION
        assert said in done.stderr


def test_a_fault_of_ours_is_told_as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(explain, "contract_row", breaks)
    done = typed("contracts")
    assert done.exit_code == Exit.HARNESS_FAULT
    assert "fault of the harness: RuntimeError: a bug" in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_a_plan_is_what_its_schema_says(assay: Assay, target: Path) -> None:
    done = assay("plan", CONTRACT, "--target", str(target), "--only", "OC-082", "--json")
    plan = json.loads(done.out)
    del plan["cap_usd"]
    assert valid("plan", plan)["calls"] > 0
    assert [row["requirement"] for row in plan["rows"] if row["planned"]] == ["OC-082"]


@pytest.mark.parametrize(("path", "said"), [("/v1", "answered 401"), ("", "answered 404")], ids=["key", "url"])
def test_a_wrong_key_or_url_is_told_before_anything_is_judged(assay: Assay, path: str, said: str) -> None:
    with mock.running("openai-core") as target:
        lines = dict(line.split("=", 1) for line in target.with_suffix(".env").read_text().split())
        key = lines["ASSAY_MAIN_KEY"] if path == "" else "sk-nobody-knows-this"
        url = load(target).host_url + path
        done = assay("run", "openai-core", "--target", url, environ={"ASSAY_API_KEY": key})
    assert done.code == Exit.BAD_INVOCATION
    assert said in done.err


def test_the_contract_of_a_target_file_is_the_default(assay: Assay, target: Path) -> None:
    done = assay("plan", "--target", str(target), "--only", "OC-082", "--json")
    assert json.loads(done.out)["contract"] == CONTRACT


def test_the_mock_stops_with_its_command(tmp_path: Path) -> None:
    target = tmp_path / "target.toml"
    line = [*ASSAY, "mock", "openai-core", "--port", "0", "--write-target", str(target)]
    process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not target.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert target.exists()
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_defect_is_proven(assay: Assay, tmp_path: Path) -> None:
    done = assay("prove", "openai-core", "--defect", "never-says-done", "--out", str(tmp_path))
    proof = valid("proof", json.loads((tmp_path / "proof.json").read_text()))
    assert [row["outcome"] for row in proof["rows"]] == ["killed"]
    assert done.code == Exit.CONFORMS
