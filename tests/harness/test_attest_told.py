"""Files and addresses that are not what they should be: the message names which, and nothing is called our fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.attest.lab import HONEST, NONCE, quote_of


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    HONEST.export_trust(tmp_path / "trust")
    (tmp_path / "quote.bin").write_bytes(quote_of(HONEST))
    return tmp_path / "trust"


def assay(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["attest", *map(str, arguments)])


@pytest.mark.parametrize("name", ["device_root.pem", "rim_root.pem", "collateral.json", "ocsp.nonce"])
@pytest.mark.parametrize("content", [b"junk", b"\xff\xfe"], ids=["text", "bytes"])
def test_a_file_of_the_trust_folder_that_cannot_be_read_is_named(trust: Path, name: str, content: bytes) -> None:
    (trust / name).write_bytes(content)
    done = assay("verify", trust.parent / "quote.bin", "--trust", trust, "--nonce", NONCE.hex())
    assert (done.exit_code, name in done.output) == (2, True), done.output


@pytest.mark.parametrize("option", ["--service", "--rim-service"])
@pytest.mark.parametrize("address", ["http://[::1", "http://h:99999999", "htp://x", ""])
def test_an_address_that_is_none_is_told(trust: Path, option: str, address: str) -> None:
    path = trust.parent / "quote.bin"
    if option != "--service":
        path.write_text(HONEST.report("deepseek-ai/DeepSeek-V3-TEE", NONCE)["nvidia_payload"])
    done = assay("fetch", path, "--out", trust.parent / "out", option, address)
    assert (done.exit_code, "not fetched: " in done.output) == (2, True), done.output
