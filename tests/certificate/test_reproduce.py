"""The lines that a finding gives to be seen again: played from what is saved, they show the same finding."""

from __future__ import annotations

import json
import random
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness import cli, results
from harness.certificate import issue
from harness.certificate.problem import BadRequest
from harness.certificate.rejudge import differences, played
from harness.certificate.verify import verified
from tests.certificate.conftest import ISSUED, LASTS, Signed, run, sign

SAMPLE = 3
CONTRACT = "voltagegpu-confidential"
UNSEEN = "not judged again: it takes a look into a secret, and no secret is kept"
ASKED = ("VT-041", "OC-170", "OC-172", "FZ-001")


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


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a key's prefix and of generated requests, in which all is well."""
    only = [word for requirement in ASKED for word in ("--only", requirement)]
    return run(tmp_path_factory.mktemp("saved") / "run", *only, "--profile", "quick")


def outcomes(document: Any) -> dict[str, str]:
    return {row["id"]: row["outcome"] for row in document["requirements"] if row["id"] in ASKED}


def test_a_run_that_is_played_fails_at_nothing_that_passed(saved: Path, tmp_path: Path) -> None:
    """No secret is kept: what looks into one is not made again, instead of finding a placeholder wrong."""
    assert outcomes(results.read(saved)) == dict.fromkeys(ASKED, "pass")
    done = CliRunner().invoke(cli.main, ["run", CONTRACT, "--replay", str(saved), "--out", str(tmp_path / "again")])
    assert done.exit_code in (0, 4), done.output
    again = results.read(tmp_path / "again")
    assert outcomes(again) == {**dict.fromkeys(ASKED, "pass"), "OC-170": "not-observed"}
    row = next(row for row in again["requirements"] if row["id"] == "VT-041")
    assert [check["reason"] for check in row["checks"] if check["reason"]] == [UNSEEN]


def test_what_cannot_be_judged_again_is_told_and_no_more(saved: Path) -> None:
    was = results.read(saved)
    found = differences(was, played(saved, was)["requirements"])
    assert {one.id: one.on_word for one in found} == {"VT-041": True, "OC-170": True}


def test_how_long_a_secret_is_is_not_judged_by_its_placeholder(tmp_path: Path) -> None:
    """A device code has to be long; what stands for it in the saved answers is as long as its number makes it."""
    saved = run(tmp_path / "run", "--only", "VL-014", contract="volt-control-plane")
    was = results.read(saved)
    assert {one.id: one.on_word for one in differences(was, played(saved, was)["requirements"])} == {"VL-014": True}


def test_a_server_error_among_generated_requests_is_found_again(saved: Path, tmp_path: Path) -> None:
    """The results say that no request made the server fail; one of the saved answers says otherwise."""
    shutil.copytree(saved, tmp_path / "run")
    asked = (json.loads(line) for line in (saved / "asides.jsonl").read_text().splitlines())
    told = next(row["learned"]["asked"] for row in asked if row["asked"] == "which answers were to generated requests")
    lines = [json.loads(line) for line in (saved / "exchanges.jsonl").read_text().splitlines()]
    next(x for x in lines if x["id"] == told[0][0])["status"] = 500
    (tmp_path / "run" / "exchanges.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    was = results.read(saved)
    found = {
        one.id: one.now for one in differences(was, played(tmp_path / "run", was)["requirements"]) if not one.on_word
    }
    assert found["OC-172"] == "fail"
    with pytest.raises(BadRequest, match=r"does not bear out .*OC-172 was pass, and judged again it is fail"):
        issue.payload_of(tmp_path / "run", None, ISSUED, LASTS)


@pytest.mark.parametrize(
    ("defect", "asked"),
    [
        ("trips-over-logit-bias", ("OC-170", "OC-171", "OC-172", "FZ-001")),
        ("reads-the-key-from-one-spelling", ("FZ-020", "FZ-021", "FZ-026")),
    ],
)
def test_a_failure_that_generated_requests_show_is_certified_as_one(tmp_path: Path, defect: str, asked: Any) -> None:
    """What shows it is a request that was made shorter, or an answer held against another: both are judged again."""
    only = [word for requirement in asked for word in ("--only", requirement)]
    signed = sign(run(tmp_path / "run", *only, "--defect", defect), tmp_path)
    was = results.read(signed.folder)
    failed = {row["id"] for row in was["requirements"] if row["outcome"] == "fail"}
    assert failed & {"OC-172", "FZ-020"}
    found = verified(signed.raw, signed.folder, signed.demands(rejudge=True))
    assert found.accepted, found.problems
    assert not {"OC-172", "FZ-001", *asked[:1]} - {"OC-170"} & set(found.on_word)


def test_a_run_of_several_processes_is_not_played(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "run")
    document = json.loads((saved / "results.json").read_text())
    document["run"]["workers"] = 2
    (tmp_path / "run" / "results.json").write_text(json.dumps(document))
    done = CliRunner().invoke(cli.main, ["run", CONTRACT, "--replay", str(tmp_path / "run")])
    assert (done.exit_code, "without -n" in done.output) == (2, True), done.output
