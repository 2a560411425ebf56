"""`assay attest fetch` as typed: what it brings serves `verify`, and what does not come is told."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
import respx
from click.testing import CliRunner, Result

from harness.cli import main
from mockserver.tee import pcs
from tests.attest.lab import HONEST, MODEL, NONCE, NOW, quote_of

SERVICE = "http://pccs.test"


def assay(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["attest", *map(str, arguments)])


def served(request: httpx.Request) -> httpx.Response:
    found = pcs.answer(request.url.path, dict(request.url.params), HONEST.collateral)
    return httpx.Response(found.status, headers=found.headers, content=found.body)


@pytest.mark.parametrize("form", ["quote", "document"])
def test_what_is_fetched_serves_as_trust(tmp_path: Path, form: str) -> None:
    evidence, trust = tmp_path / "evidence", tmp_path / "trust"
    document = json.dumps(HONEST.report(MODEL, NONCE)).encode()
    evidence.write_bytes(quote_of(HONEST) if form == "quote" else document)
    with respx.mock:
        respx.route(host="pccs.test").mock(side_effect=served)
        fetched = assay("fetch", evidence, "--out", trust, "--service", SERVICE, "--no-gpu")
    assert fetched.exit_code == 0, fetched.output
    (trust / "root.der").write_bytes(HONEST.root_der())
    judged = assay("verify", evidence, "--trust", trust, "--nonce", NONCE.hex(), "--at", NOW.isoformat(), "--json")
    codes = {problem["code"] for problem in json.loads(judged.stdout)["problems"]}
    assert codes == (set() if form == "document" else codes & {"binding.mismatch"})


def test_a_service_that_does_not_answer_is_told(tmp_path: Path) -> None:
    (tmp_path / "quote").write_bytes(quote_of(HONEST))
    with respx.mock:
        respx.route(host="pccs.test").respond(503)
        found = assay("fetch", tmp_path / "quote", "--out", tmp_path / "trust", "--service", SERVICE)
    assert (found.exit_code, "answered 503" in found.stderr) == (2, True)
    assert not (tmp_path / "trust").exists()


def test_a_file_without_a_quote_is_told(tmp_path: Path) -> None:
    (tmp_path / "quote").write_bytes(b"no quote")
    found = assay("fetch", tmp_path / "quote", "--out", tmp_path / "trust", "--service", SERVICE)
    assert found.exit_code == 2
