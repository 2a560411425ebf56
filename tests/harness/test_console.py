"""What commands print obeys the environment alike, since all of them print in one place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import specs
from harness.target import TargetError, secret_in

ROOT = specs.HERE.parent
COLOUR = re.compile(r"\x1b\[[0-9;]*[34]\d")


def test_all_commands_print_in_one_place() -> None:
    made = [path for path in (ROOT / "harness").rglob("*.py") if re.search(r"\bConsole\(", path.read_text())]
    assert [path.relative_to(ROOT).as_posix() for path in made] == ["harness/commands/console.py"]


def printed(*words: str, **environ: str) -> str:
    own = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    line = [sys.executable, "-m", "harness.cli", *words]
    done = subprocess.run(line, env=own | environ, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_a_failure_has_colour_only_where_somebody_wants_it(tmp_path: Path) -> None:
    where = tmp_path / ("a-long-name-" * 15)
    where.mkdir()
    (where / "results.json").write_text("{")
    words = ("report", str(where))
    assert COLOUR.search(printed(*words, FORCE_COLOR="1"))
    assert not COLOUR.search(printed(*words, FORCE_COLOR="1", NO_COLOR="1"))
    piped = printed(*words, COLUMNS="40")
    assert "\x1b" not in piped
    assert f"{where}/results.json: not JSON" in piped.splitlines()[0], "a line for grep is not folded"


def test_a_variable_that_an_option_names_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(TargetError, match=r"^--key-env: the environment has no NO_SUCH_KEY; export NO_SUCH_KEY="):
        secret_in("NO_SUCH_KEY", "--key-env")
    with pytest.raises(TargetError, match="never the key itself") as told:
        secret_in("sk-live-1234", "--key-env")
    assert "1234" not in str(told.value)
    monkeypatch.setenv("A_KEY", "line\nbreaks")
    with pytest.raises(TargetError, match="A_KEY holds characters that no header can carry"):
        secret_in("A_KEY", "--key-env")
