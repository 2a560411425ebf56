"""The register of defects, and the process: its options, its target file, its end."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from mockserver.defects import all_defects, defect
from mockserver.gateway import Gateway
from tests.mockserver.conftest import Lab


def test_one_replaced_field_changes_one_behaviour(start: Callable[..., Lab]) -> None:
    lab = start("voltagegpu-confidential", replace(Gateway(), admits=lambda call, row: True))
    assert lab.chat(model="deepseek-ai/DeepSeek-V3").status_code == 200


def test_a_defect_needs_a_summary() -> None:
    def silent(gateway: Gateway) -> Gateway:
        return gateway

    with pytest.raises(ValueError, match="no docstring"):
        defect(breaks="OC-001")(silent)


def test_every_registered_defect_applies_and_names_what_it_breaks() -> None:
    for entry in all_defects():
        assert isinstance(entry.apply(Gateway()), Gateway)
        assert entry.breaks
        assert entry.name == entry.name.lower()


def test_unknown_defect_is_a_bad_invocation() -> None:
    command = [sys.executable, "-m", "mockserver", "openai-core", "--defect", "no-such-thing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "no-such-thing" in done.stderr


def test_a_target_file_that_cannot_be_written_ends_the_mock(tmp_path: Path) -> None:
    """Whoever waits for it must not wait for ever."""
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "mockserver", "openai-core", "--write-target", str(tmp_path / "file" / "t.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_process_announces_itself_and_ends_on_sigterm(tmp_path: Path) -> None:
    target = tmp_path / "t.toml"
    command = [sys.executable, "-m", "mockserver", "voltagegpu-confidential", "--write-target", str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        written = tomllib.loads(target.read_text())
        env = dict(row.split("=", 1) for row in (tmp_path / written["env_file"]).read_text().splitlines())
        key = env[written["keys"]["main"]]
        answer = httpx.get(written["base_url"] + "/models", headers={"Authorization": f"Bearer {key}"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert line.strip() == f"ready {written['base_url']}"
    assert answer.status_code == 200
    assert stat.S_IMODE((tmp_path / written["env_file"]).stat().st_mode) == 0o600
    assert (tmp_path / written["evidence"]["trust"] / "root.der").is_file()
    assert len(env[written["control"]["token"]]) >= 24  # made, as nobody gave one
