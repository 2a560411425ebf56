"""Verdicts for a reader: what evidence says of itself stays on its line, and steers no terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.attest.lab import HONEST, LATER, MODEL, NONCE, NOW

HOSTILE = [
    "x\naccepted",
    "x\r\x1b[2J\x1b[Haccepted",
    "x\u2028accepted",
    "\ud800",
    "\u202eaccepted",
    "x\u009b2Jaccepted",
]


def verified(tmp_path: Path, document: Any, *more: str) -> Result:
    HONEST.export_trust(tmp_path / "trust")
    (tmp_path / "evidence.json").write_text(json.dumps(document))
    arguments = ("--trust", str(tmp_path / "trust"), "--nonce", NONCE.hex(), *(more or ("--at", NOW.isoformat())))
    return CliRunner().invoke(main, ["attest", "verify", str(tmp_path / "evidence.json"), *arguments])


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("at", [NOW, LATER], ids=["accepted", "expired"])
def test_a_name_in_evidence_cannot_write_a_line_of_the_verdict(tmp_path: Path, name: str, at: Any) -> None:
    document = HONEST.report(MODEL, NONCE)
    document["info"]["app_name"] = name
    result = verified(tmp_path, document, "--at", at.isoformat())
    assert result.exit_code == (0 if at == NOW else 1), result.exception
    assert result.stdout.splitlines().count("accepted") == (1 if at == NOW else 0)
    assert all(line.isprintable() for line in result.stdout.split("\n"))
    assert "claimed: app_name: " in result.stdout


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_nor_can_it_write_one_of_the_reason_why_nothing_could_be_read(tmp_path: Path, name: str) -> None:
    document = HONEST.report(MODEL, NONCE)
    document["info"]["tcb_info"]["rtmr0"] = name
    result = verified(tmp_path, document)
    assert result.exit_code == 1, result.exception
    assert all(line.isprintable() for line in result.stdout.split("\n"))
    shown = CliRunner().invoke(main, ["attest", "inspect", str(tmp_path / "evidence.json")])
    assert shown.exit_code == 0
    assert all(line.isprintable() for line in shown.stdout.split("\n"))
