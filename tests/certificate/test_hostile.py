"""Certificates that were made to hurt their reader: each ends in a refusal, and no text of theirs moves a terminal."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness import cli
from harness.certificate.envelope import PAYLOAD_TYPE
from harness.model import Exit
from tests.certificate.conftest import key_files

HARMFUL = "\x1b[2K\x1b[1Aaccepted: certificate.json \u202e \x9b31m"


def written(keyid: Any) -> bytes:
    """An envelope as `assay certify` writes one, signed by nobody."""
    signature = {"keyid": keyid, "sig": base64.b64encode(bytes(64)).decode()}
    whole = {"payload": "e30=", "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    return json.dumps(whole, indent=1, sort_keys=True).encode() + b"\n"


@pytest.mark.parametrize(
    ("keyid", "code"),
    [
        (HARMFUL, "key.unknown"),
        ("\ud800", "key.unknown"),
        (5, "certificate.malformed"),
        (None, "certificate.malformed"),
        (True, "certificate.malformed"),
        ([], "certificate.malformed"),
    ],
    ids=repr,
)
def test_a_key_that_is_named_to_hurt_is_refused_in_plain_text(tmp_path: Path, keyid: Any, code: str) -> None:
    _, public = key_files(tmp_path, "ed25519")
    (tmp_path / "certificate.json").write_bytes(written(keyid))
    line = ["verify", str(tmp_path / "certificate.json"), "--key", str(public), "--no-bundle"]
    done = CliRunner().invoke(cli.main, line)
    assert done.exit_code == Exit.DOES_NOT_CONFORM
    assert f"  {code}: " in done.stdout
    assert all(char == "\n" or char.isprintable() for char in done.output)
