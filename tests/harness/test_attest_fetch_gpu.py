"""Reference values and OCSP answers: fetched from the mock's services they serve `verify`; a ledger remembers them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from click.testing import CliRunner, Result

from harness.attest.gpu import Sighting
from harness.cli import main
from harness.collateral import CollateralError, File, Ledger, LedgerError, sightings
from mockserver.serve import Options, Server
from tests.mockserver.conftest import MODEL

NONCE = bytes(range(32))
RIMS = "http://rims.test"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("voltagegpu-confidential", options=Options()) as running:
        yield running


@pytest.fixture
def evidence(server: Server, tmp_path: Path) -> Path:
    assert server.state.platform is not None
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(server.state.platform.report(MODEL, NONCE)))
    return path


def assay(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["attest", *map(str, arguments)])


def fetch(server: Server, evidence: Path, out: Path, *options: object) -> Result:
    services = ("--service", server.origin, "--rim-service", server.origin + "/nvidia/rim")
    return assay("fetch", evidence, "--out", out, *services, "--ocsp", server.origin + "/nvidia/ocsp", *options)


def anchored(server: Server, out: Path) -> Path:
    """The roots, which are never fetched."""
    assert server.target_path is not None
    for name in ("root.der", "device_root.pem", "rim_root.pem"):
        (out / name).write_bytes((server.target_path.with_suffix(".trust") / name).read_bytes())
    return out


def test_what_is_fetched_serves_as_trust(server: Server, evidence: Path, tmp_path: Path) -> None:
    done = fetch(server, evidence, tmp_path / "trust")
    assert done.exit_code == 0, done.output
    trust = anchored(server, tmp_path / "trust")
    judged = assay("verify", evidence, "--trust", trust, "--nonce", NONCE.hex(), "--policy", "field", "--json")
    found = json.loads(judged.stdout)
    assert (judged.exit_code, found["problems"], found["unjudged"]) == (0, [], [])
    assert not any("revoked" in what for what in found["claims"]["gpus"]["unpinned"])


def test_every_byte_is_kept_with_where_it_came_from(server: Server, evidence: Path, tmp_path: Path) -> None:
    fetch(server, evidence, tmp_path / "trust")
    rows = json.loads((tmp_path / "trust" / "gpu-manifest.json").read_text())
    assert {row["file"].split("/")[0] for row in rows} == {"rims", "ocsp", "ocsp.nonce"}
    for row in rows:
        assert hashlib.sha256((tmp_path / "trust" / row["file"]).read_bytes()).hexdigest() == row["sha256"]
        assert row["url"].startswith(server.origin)


def test_gpu_reports_alone_need_no_quote(server: Server, evidence: Path, tmp_path: Path) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text(json.loads(evidence.read_text())["nvidia_payload"])
    assert fetch(server, payload, tmp_path / "trust").exit_code == 0
    assert not (tmp_path / "trust" / "collateral.json").exists()
    trust = anchored(server, tmp_path / "trust")
    assert assay("verify", "--gpu", payload, "--trust", trust, "--nonce", NONCE.hex()).exit_code == 0


def test_a_ledger_remembers(server: Server, evidence: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    for number in range(2):
        assert fetch(server, evidence, tmp_path / f"trust{number}", "--ledger", ledger).exit_code == 0
    rows = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert len(rows) == 2
    newer = {**rows[0], "content": "00" * 32, "signed_from": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    with ledger.open("a") as file:
        file.write(json.dumps(newer) + "\n")
    done = fetch(server, evidence, tmp_path / "trust2", "--ledger", ledger)
    assert (done.exit_code, "rim.rollback" in done.output) == (1, True)
    assert (tmp_path / "trust2" / "rims").is_dir()


@pytest.mark.parametrize("line", ["x", "[]", '{"id": "a"}', '{"id": "a", "content": "b", "signed_from": "2026-01-01"}'])
def test_a_ledger_that_cannot_be_read_is_left_alone(line: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text(line + "\n")
    with pytest.raises(LedgerError, match="ledger:1"):
        Ledger(path).note([Sighting("a", "b", datetime.now(UTC))], datetime.now(UTC))
    assert path.read_text() == line + "\n"


def test_a_ledger_remembers_nothing_that_nobody_signed(server: Server, evidence: Path, tmp_path: Path) -> None:
    assert fetch(server, evidence, tmp_path / "trust").exit_code == 0
    path = next((tmp_path / "trust" / "rims").iterdir())
    file = File(f"rims/{path.name}", RIMS, "2026-11-20T12:00:00+00:00", path.read_bytes())
    assert len(sightings((file,))) == 1
    changed = path.read_bytes().replace(b'active="True"', b'active="False"', 1)
    assert changed != path.read_bytes()
    with pytest.raises(CollateralError, match=r"rim\.digest_mismatch"):
        sightings((replace(file, body=changed),))


def rim(**change: Any) -> dict[str, Any]:
    return {"rim": base64.b64encode(b"<x/>").decode(), "sha256": hashlib.sha256(b"<x/>").hexdigest(), **change}


HOSTILE = {
    "down": (httpx.Response(503), "answered 503"),
    "elsewhere": (httpx.Response(302, headers={"Location": "http://other.test/"}), "answered 302"),
    "no JSON": (httpx.Response(200, content=b"{"), "no reference values"),
    "deep": (httpx.Response(200, content=b"[" * 100_000), "no reference values"),
    "a list": (httpx.Response(200, json=[]), "no reference values"),
    "no base64": (httpx.Response(200, json=rim(rim="??")), "no reference values"),
    "another digest": (httpx.Response(200, json=rim(sha256="00")), "not what their sha256 says"),
    "no manifest": (httpx.Response(200, json=rim()), "rim."),
    "too large": (httpx.Response(200, content=b" " * 2_000_000), "more than"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_service_that_answers_badly_is_told(server: Server, evidence: Path, tmp_path: Path, name: str) -> None:
    response, said = HOSTILE[name]
    payload = tmp_path / "payload.json"
    payload.write_text(json.loads(evidence.read_text())["nvidia_payload"])
    with respx.mock:
        respx.route(host="rims.test").mock(return_value=response)
        done = assay("fetch", payload, "--out", tmp_path / "trust", "--rim-service", RIMS)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "trust").exists()


def test_a_report_cannot_choose_where_a_file_goes(server: Server, evidence: Path, tmp_path: Path) -> None:
    document = json.loads(json.loads(evidence.read_text())["nvidia_payload"])
    first = document["evidence_list"][0]
    driver = base64.b64decode(first["evidence"])
    first["evidence"] = base64.b64encode(driver.replace(b"570.172.08", b"../../../a")).decode()
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps(document))
    done = assay("fetch", payload, "--out", tmp_path / "trust", "--rim-service", RIMS)
    assert (done.exit_code, "no sensible name" in done.stderr) == (2, True)
