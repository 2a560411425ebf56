"""The runner of foreign servers: what it writes, how it starts and stops a server, and how it ends."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from foreign import __main__ as command
from foreign.deployment import Deployment
from foreign.install import NotInstallable
from foreign.process import NotStarted, answers, free_port, serving
from harness import target


def test_the_target_file_of_a_deployment_can_be_read(tmp_path: Path) -> None:
    path = Deployment("thing 1.0", "http://127.0.0.1:9/v1", {"main": "sk-0123456789abcdef"}).write_target(tmp_path)
    read = target.load(path, environ={})
    assert (read.name, read.base_url, read.contract) == ("thing 1.0", "http://127.0.0.1:9/v1", "openai-core")
    assert read.keys["main"].reveal() == "sk-0123456789abcdef"
    assert stat.S_IMODE((tmp_path / "target.env").stat().st_mode) == 0o600


def test_a_server_runs_while_the_block_does(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}/"
    line = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with serving(line, tmp_path / "log", answers(url), env={}), urllib.request.urlopen(url) as answer:
        assert answer.status == 200
    with pytest.raises(URLError):
        urllib.request.urlopen(url)


def test_a_server_that_dies_is_quoted(tmp_path: Path) -> None:
    line = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with pytest.raises(NotStarted, match="no such option"), serving(line, tmp_path / "log", lambda: False, env={}):
        pass


@pytest.mark.parametrize(("error", "code", "word"), [(NotInstallable, 0, "skipped"), (NotStarted, 3, "not judged")])
def test_what_cannot_be_installed_is_skipped_and_what_does_not_start_is_a_fault(
    error: type[Exception],
    code: int,
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @contextlib.contextmanager
    def refused(folder: Path, prefix: Path) -> Iterator[Deployment]:
        raise error("no registry here")
        yield

    monkeypatch.setitem(command.SERVERS, "aimock", refused)
    assert command.main(["aimock", f"--out={tmp_path}"]) == code
    assert f"aimock: {word}" in (said := capsys.readouterr().out)
    assert "no registry here" in said


def test_a_run_starts_from_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "foreign-aimock" / "exchanges.jsonl"
    old.parent.mkdir()
    old.write_text("{}")
    script = tmp_path / "npm"
    script.write_text("#!/bin/sh\necho nothing to be had >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert command.main(["aimock", f"--out={tmp_path}", f"--prefix={tmp_path}"]) == 0
    assert not old.exists()
