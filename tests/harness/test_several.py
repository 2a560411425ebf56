"""Several contracts in a row: one that leaves no results, or no report, ends them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.running import several


@pytest.mark.parametrize(
    ("left", "code", "told"),
    [
        ((), 2, 2),
        ((), 0, 3),
        (("results.json",), 0, 3),
        (("results.json",), 1, 3),
        (("results.json", "report.html"), 1, None),
    ],
)
def test_a_run_that_left_no_report_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: tuple[str, ...], code: int, told: int | None
) -> None:
    def start(*_: object) -> subprocess.Popen[bytes]:
        for name in left:
            (tmp_path / name).write_text("{}")
        return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])

    monkeypatch.setattr(several, "_start", start)
    if told is None:
        several.run({"openai-core": tmp_path}, "mock", {})
    else:
        with pytest.raises(SystemExit) as ended:
            several.run({"openai-core": tmp_path}, "mock", {})
        assert ended.value.code == told
