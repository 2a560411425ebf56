"""The proof itself: the clean mocks pass, every defect is killed by name, every checked MUST is proven."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema

import specs


def test_every_check_can_fail(tmp_path: Path) -> None:
    """All contracts in one command, so that what they share is proven once."""
    line = [sys.executable, "-m", "suites.selftest.prove", "--out", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    proofs = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("*/proof.json")}
    assert set(proofs) == set(specs.names()), done.stderr[-3000:]
    for proof in proofs.values():
        jsonschema.validate(proof, specs.schema("proof"))
    assert not {name: proof["clean"]["failed"] for name, proof in proofs.items() if proof["clean"]["failed"]}
    rows = [(name, row) for name, proof in proofs.items() for row in proof["rows"]]
    assert not {f"{name}: {row['defect']}": row["note"] for name, row in rows if row["outcome"] != "killed"}
    scores = {name: proof["score"] for name, proof in proofs.items()}
    unproven = {name: proofs[name]["unproven"] for name, s in scores.items() if s["must_proven"] != s["must_checked"]}
    assert not unproven
    assert done.returncode == 0, done.stderr[-3000:]
