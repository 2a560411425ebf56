"""The proof itself: the clean mock passes, every defect is killed by name, every checked MUST is proven."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import specs


@pytest.mark.parametrize("contract", specs.names())
def test_every_check_can_fail(contract: str, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "suites.selftest.prove", contract, "--out", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    proof = json.loads((tmp_path / "proof.json").read_text())
    jsonschema.validate(proof, specs.schema("proof"))
    assert not proof["clean"]["failed"]
    alive = {row["defect"]: row["note"] for row in proof["rows"] if row["outcome"] != "killed"}
    assert not alive
    assert proof["score"]["must_proven"] == proof["score"]["must_checked"], proof["unproven"]
    assert done.returncode == 0, done.stderr
