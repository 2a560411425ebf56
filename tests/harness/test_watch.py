"""A watch: what is worse is told once, signed, and nothing that was not taken is lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness import cli
from harness.model import Exit
from harness.target import Secret
from harness.watch.regression import alert
from harness.watch.webhook import Webhook, signature
from tests.harness import hostile
from tests.harness.listening import listening

NONE: frozenset[str] = frozenset()


def row(name: str, outcome: str, suite: str = "contract", level: str = "MUST") -> dict[str, Any]:
    checks = [{"id": f"suites/{suite}/test_x.py::test"}]
    shown = {"id": name, "level": level, "title": "t", "effect": "e", "outcome": outcome, "reason": None}
    return {**shown, "checks": checks, "findings": []}


def run(*rows: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": {"id": "r", "finished": "2026-11-20T12:00:00.000Z"},
        "contract": {"name": "c", "digest": "d"},
        "target": {"name": "t", "base_url": "http://127.0.0.1/v1"},
        "verdict": "x",
        "requirements": list(rows),
    }


@pytest.mark.parametrize(
    ("was", "now", "worse"),
    [
        ("pass", "fail", True),
        ("pass", "error", True),
        ("pass", "not-observed", True),
        ("warn", "fail", True),
        ("fail", "fail", False),
        ("fail", "pass", False),
        ("pass", "warn", False),
        ("not-observed", "not-observed", False),
    ],
)
def test_only_what_became_worse_is_told(was: str, now: str, worse: bool) -> None:
    found = alert(run(row("OC-001", was)), run(row("OC-001", now)), NONE)
    assert (found is not None) is worse
    if found is not None:
        assert [(one["id"], one["was"], one["is"]) for one in found["worse"]] == [("OC-001", was, now)]


def test_a_first_run_tells_what_is_broken_and_themes_are_kept_apart() -> None:
    after = run(row("OC-001", "fail"), row("AT-001", "fail", "attestation"), row("VT-091", "error", "billing"))
    assert [one["theme"] for one in (alert(None, after, NONE) or {})["worse"]] == ["other", "attestation", "bill"]
    assert [one["id"] for one in (alert(None, after, frozenset({"bill"})) or {})["worse"]] == ["VT-091"]
    assert alert(None, run(row("OC-001", "fail")), frozenset({"attestation"})) is None


def test_the_run_of_another_target_is_no_earlier_one() -> None:
    other = {**run(row("OC-001", "fail")), "target": {"name": "another", "base_url": "http://127.0.0.2/v1"}}
    told = alert(other, run(row("OC-001", "fail")), NONE) or {"worse": []}
    assert ([one["was"] for one in told["worse"]], told.get("previous")) == ([None], None)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    key = b"a key of some bytes"
    spelled = Secret("HOOK", "whsec_" + base64.b64encode(key).decode())
    due = base64.b64encode(hmac.new(key, b"msg_1.1700000000.{}", hashlib.sha256).digest()).decode()
    assert signature(spelled, "msg_1", 1700000000, b"{}") == f"v1,{due}"


def test_what_is_not_taken_waits_and_goes_out_first(tmp_path: Path) -> None:
    waiting = tmp_path / "alerts.ndjson"
    with listening(500, 500, 500, 200) as server:
        hook = Webhook(server.url, Secret("HOOK", "a secret of the test"), waiting, pause_s=0.01)
        assert not hook.send({"n": 1})
        assert len(waiting.read_text().splitlines()) == 1
        assert hook.send({"n": 2})
    assert [json.loads(body)["n"] for body in server.bodies] == [1, 1, 1, 1, 2]
    assert len({headers["webhook-id"] for headers in server.headers}) == 2
    assert all(headers["webhook-signature"].startswith("v1,") for headers in server.headers)
    assert waiting.read_text() == ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--target", "nowhere.toml"], "nowhere.toml"),
        (["--target", "mock", "--bogus"], "--bogus"),
        (["--target", "mock", "--secret", "HOME"], "--webhook"),
        (["--target", "mock", "--out=here"], "--keep"),
    ],
)
def test_a_watch_that_can_never_run_ends_at_once(
    tmp_path: Path, more: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without --times: whoever mistyped would otherwise believe that something is watched."""
    ended = CliRunner().invoke(cli.main, ["watch", "openai-core", "--every", "1h", "--keep", str(tmp_path), *more])
    assert (ended.exit_code, said in ended.output + capfd.readouterr().err) == (2, True), ended.output


def test_a_run_that_cannot_be_made_any_more_is_told_once(tmp_path: Path) -> None:
    words = ["watch", "openai-core", "--target", "mock", "--every", "1s", "--keep", str(tmp_path), "--only", "OC-082"]
    with listening(200) as server:
        assert CliRunner().invoke(cli.main, [*words, "--times", "1"]).exit_code == 0
        refused = ["--times", "2", "--cap", "0", "--webhook", server.url]
        assert CliRunner().invoke(cli.main, [*words, *refused]).exit_code == 2
    (told,) = [json.loads(body) for body in server.bodies]
    assert (told["type"], told["contract"]["name"], told["exit_code"]) == ("assay.no_results", "openai-core", 2)


def test_a_host_that_can_be_none_has_not_taken_the_alert(tmp_path: Path) -> None:
    assert not Webhook("http://a..b/", None, tmp_path / "alerts.ndjson", pause_s=0).send({"n": 1})


def test_an_answer_without_an_end_has_taken_the_alert(tmp_path: Path) -> None:
    """Its status says so; nobody reads the rest."""
    with hostile.serving(hostile.endless(b"text/plain", b"x" * 4096)) as server:
        assert Webhook(server.url, None, tmp_path / "alerts.ndjson").send({"n": 1})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-contract"], "no-such-contract"),
        (["openai-core", "--webhook", "http://["], "--webhook: "),
        (["openai-core", "--webhook", "http://127.0.0.1/\x01"], "expected a URL"),
        (["openai-core", "--every", f"{10**20}d"], "is no duration"),
        (["openai-core", "--webhook", "file:///tmp/alerts"], "expected an http or https URL"),
        (["openai-core", "--webhook", "http://127.0.0.1/", "--secret", "HOOK"], "HOOK: what follows whsec_"),
    ],
)
def test_what_cannot_be_watched_or_told_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    """Not when the first alert is due, and not again and again."""
    monkeypatch.setenv("HOOK", "whsec_abc")
    line = ["watch", "--target", "mock", "--every", "1d", "--keep", str(tmp_path), *words]
    done = CliRunner().invoke(cli.main, line)
    assert done.exit_code == Exit.BAD_INVOCATION
    assert said in done.output
    assert "abc" not in done.output
    assert not list(tmp_path.iterdir())


def test_a_watch_over_a_mock_that_breaks(tmp_path: Path) -> None:
    words = ["watch", "openai-core", "--target", "mock", "--every", "1s", "--times", "1", "--keep", str(tmp_path)]
    narrow = ["--only", "OC-082"]
    with listening(200) as server:
        hook = ["--webhook", server.url]
        assert CliRunner().invoke(cli.main, [*words, *hook, *narrow]).exit_code == 0
        broken = CliRunner().invoke(cli.main, [*words, *hook, *narrow, "--defect", "never-says-done"])
    assert broken.exit_code == 1
    (told,) = [json.loads(body) for body in server.bodies]
    assert [(one["id"], one["was"]) for one in told["worse"]] == [("OC-082", "pass")]
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2
