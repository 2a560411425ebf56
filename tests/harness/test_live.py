"""`assay attest verify URL`: a nonce of our own, the certificate of the connection, and hostile endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness import live
from harness.cli import main
from mockserver.gateway import Gateway
from mockserver.serve import Options, Server
from tests.harness import hostile
from tests.harness.hostile import serving
from tests.mockserver.conftest import MODEL

CONTRACT = "voltagegpu-confidential"
KEY = "EVIDENCE_KEY"


@pytest.fixture(scope="module")
def secure() -> Iterator[Server]:
    with Server(CONTRACT, Gateway(), Options(tls=True)) as server:
        yield server


def verify(server: Server, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    monkeypatch.setenv(KEY, server.main_key)
    assert server.target_path is not None
    words = ["attest", "verify", f"{server.base_url}/attestation/report", "--model", MODEL, "--key-env", KEY]
    words += ["--trust", str(server.target_path.with_suffix(".trust")), *options]
    return CliRunner().invoke(main, words)


def bundle(server: Server) -> tuple[str, str]:
    assert server.target_path is not None
    return "--ca-bundle", str(server.target_path.with_suffix(".pem"))


def test_a_live_endpoint_is_asked_and_judged(secure: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = verify(secure, monkeypatch, *bundle(secure), "--json", "--keep", str(tmp_path / "kept"))
    found = json.loads(done.stdout)
    assert (done.exit_code, found["verdict"], found["claims"]["channel"]) == (0, "accepted", "bound")
    assert found["claims"]["tie"]["is"] == "shared nonce"
    assert len(found["claims"]["gpus"]["devices"]) == 8
    kept = json.loads((tmp_path / "kept").read_bytes())
    assert kept["request_nonce"] in done.stderr
    assert secure.main_key not in done.output


def test_every_call_has_a_nonce_of_its_own(secure: Server) -> None:
    assert secure.target_path is not None
    monkey = pytest.MonkeyPatch()
    monkey.setenv(KEY, secure.main_key)
    with monkey.context():
        endpoint = live.Endpoint(
            f"{secure.base_url}/attestation/report", MODEL, "ecdsa", KEY, secure.target_path.with_suffix(".pem")
        )
        nonces = {live.fetch(endpoint).nonce for _ in range(3)}
    monkey.undo()
    assert len(nonces) == 3


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    done = verify(secure, monkeypatch)
    assert done.exit_code == 2
    assert "certificate verify failed" in done.stderr


def test_without_a_key_the_way_out_is_named(secure: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{secure.base_url}/attestation/report"
    done = CliRunner().invoke(main, ["attest", "verify", url, "--model", MODEL, *bundle(secure)])
    assert (done.exit_code, "--key-env" in done.stderr) == (2, True)
    monkeypatch.delenv(KEY, raising=False)
    done = CliRunner().invoke(main, ["attest", "verify", url, "--key-env", KEY])
    assert (done.exit_code, f"the environment has no {KEY}" in done.stderr) == (2, True)


@pytest.mark.parametrize("options", [("--model", "m"), ("--keep", "x")])
def test_what_belongs_to_a_url_is_refused_for_a_file(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "evidence").write_bytes(b"{}")
    done = CliRunner().invoke(main, ["attest", "verify", str(tmp_path / "evidence"), *options])
    assert (done.exit_code, "go with a URL" in done.stderr) == (2, True)


def test_a_file_that_does_not_exist_is_named() -> None:
    done = CliRunner().invoke(main, ["attest", "verify", "no-such-file"])
    assert (done.exit_code, "no-such-file" in done.stderr) == (2, True)


HOSTILE: dict[str, hostile.Behaviour | bytes] = {
    "half closed": hostile.half_closed,
    "without an end": hostile.endless(hostile.JSON, b" " * 65536),
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"hello\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_endpoint_gives_no_evidence(name: str) -> None:
    with serving(HOSTILE[name]) as server:
        done = CliRunner().invoke(main, ["attest", "verify", server.url])
    assert done.exit_code == 2
    assert "no evidence" in done.stderr
