"""Vault: racks on the clock, Talos documents with a PKI that is one, registers that replay from the boot log."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from mockserver.serve import Options, Server
from mockserver.services.vault import boot
from tests.mockserver.conftest import Lab

ORDER = {"metro": "fra", "gpu_type": "b200", "term": "36_month"}
ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture(scope="module")
def _vault(start: Callable[..., Lab]) -> Lab:
    return start("volt-control-plane")


@pytest.fixture
def vault(_vault: Lab) -> Lab:
    _vault.control.post("/reset")
    return _vault


def rack(lab: Lab, *, wait_s: int = 1, **members: Any) -> dict[str, Any]:
    """A rack that was asked for so many seconds ago."""
    answer = lab.api.post("/vault/racks", json={**ORDER, **members})
    assert answer.status_code == 202, answer.text
    lab.control.put("/clock", json={"advance_s": wait_s})
    return dict(lab.api.get(f"/vault/racks/{answer.json()['id']}").json())


def test_a_rack_goes_through_its_states_on_the_clock(vault: Lab) -> None:
    vault.control.put("/clock", json={"now": "2026-02-28T12:00:00Z"})
    made = rack(vault, wait_s=0)
    assert (made["status"], made["nodes"], made["starts_at"]) == ("requested", [], None)
    vault.control.put("/clock", json={"advance_s": 1})
    stands = vault.api.get(f"/vault/racks/{made['id']}").json()
    assert (stands["status"], stands["ends_at"]) == ("ready", "2029-02-28T12:00:00Z")
    assert {node["attestation_status"] for node in stands["nodes"]} == {"verified"}
    vault.control.put("/clock", json={"advance_s": 1200 * 86_400})
    assert vault.api.get(f"/vault/racks/{made['id']}").json()["status"] == "terminated"
    assert vault.api.get(f"/vault/racks/{made['id']}/talos-config").status_code == 409


def test_a_rack_that_is_not_ready_gives_no_access(vault: Lab) -> None:
    vault.control.put("/clock", json={"now": "2026-02-28T12:00:00Z"})
    path = f"/vault/racks/{rack(vault, wait_s=0)['id']}"
    assert vault.api.post(path + "/redfish-credentials").status_code == 409
    assert vault.api.get(path + "/talos-config").status_code == 409
    assert vault.api.get(path + "/attestation").json()["nodes"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"gpu_type": "gaudi3"},
        {"term": "12_month"},
        {"metro": None},
        {"rack_template": "huge"},
        {"managed_kubernetes": 1},
        {"customer_kms_arn": "http://169.254.169.254/latest/meta-data"},
        {"customer_kms_arn": ARN + "\n"},
        {"customer_kms_arn": ARN.replace("arn:aws:kms", "arn:aws:s3")},
    ],
)
def test_wrong_requests_are_refused(vault: Lab, wrong: dict[str, Any]) -> None:
    assert vault.api.post("/vault/racks", json={**ORDER, **wrong}).status_code == 400
    assert vault.api.get("/vault/racks").json() == {"data": []}


def test_credentials_are_new_every_time_and_shown_once(vault: Lab) -> None:
    made = rack(vault, customer_kms_arn=ARN)
    path = f"/vault/racks/{made['id']}"
    minted = [vault.api.post(path + "/redfish-credentials") for _ in range(2)]
    assert [answer.status_code for answer in minted] == [201, 201]
    passwords = {answer.json()["password"] for answer in minted}
    assert len(passwords) == 2
    assert not any(password in vault.api.get(path).text for password in passwords)


def test_another_tenants_rack_does_not_exist(vault: Lab) -> None:
    path = f"/vault/racks/{rack(vault)['id']}"
    other = {"Authorization": f"Bearer {vault.server.state.secrets['second_tenant']}"}
    for method, below in (
        ("GET", ""),
        ("POST", "/redfish-credentials"),
        ("GET", "/talos-config"),
        ("GET", "/attestation"),
    ):
        assert vault.api.request(method, path + below, headers=other).status_code == 404
    assert vault.api.get("/vault/racks", headers=other).json() == {"data": []}


def _fits(authority: dict[str, str]) -> bool:
    """Whether the key is the certificate's, read as Talos writes them."""
    certificate = x509.load_pem_x509_certificate(base64.b64decode(authority["crt"]))
    pem = base64.b64decode(authority["key"])
    key: Any
    if b"BEGIN ED25519 PRIVATE KEY" in pem:
        key = load_der_private_key(base64.b64decode(b"".join(pem.splitlines()[1:-1])), None)
    else:
        key = load_pem_private_key(pem, None)
    certificate.verify_directly_issued_by(certificate)
    return bool(certificate.public_key() == key.public_key())


def test_a_talos_config_holds_a_pki_of_its_own(vault: Lab) -> None:
    path = f"/vault/racks/{rack(vault)['id']}/talos-config"
    answer = vault.api.get(path)
    assert answer.headers["content-type"] == "application/yaml"
    config = yaml.safe_load(answer.content)
    assert (config["version"], config["machine"]["type"]) == ("v1alpha1", "controlplane")
    cluster = config["cluster"]
    assert all(map(_fits, (config["machine"]["ca"], cluster["ca"], cluster["aggregatorCA"], cluster["etcd"]["ca"])))
    assert vault.api.get(path).content == answer.content
    other = yaml.safe_load(vault.api.get(f"/vault/racks/{rack(vault)['id']}/talos-config").content)
    assert other["cluster"]["secret"] != cluster["secret"]


def test_where_kubernetes_is_managed_no_authoritys_key_is_given_out(vault: Lab) -> None:
    made = rack(vault, managed_kubernetes=True)
    config = yaml.safe_load(vault.api.get(f"/vault/racks/{made['id']}/talos-config").content)
    assert (config["machine"]["type"], config["machine"]["ca"]["key"], config["cluster"]["ca"]["key"]) == (
        "worker",
        "",
        "",
    )
    assert "etcd" not in config["cluster"]


def replayed(log: bytes) -> dict[str, str]:
    """Registers from the bytes of a crypto-agile TCG log with SHA-256 digests alone."""
    banks = {register: bytes(32) for register in boot.REGISTERS}
    at = 32 + struct.unpack_from("<I", log, 28)[0]
    while at < len(log):
        register, _, count, algorithm = struct.unpack_from("<IIIH", log, at)
        assert (count, algorithm) == (1, boot.SHA256)
        banks[register] = hashlib.sha256(banks[register] + log[at + 14 : at + 46]).digest()
        at += 50 + struct.unpack_from("<I", log, at + 46)[0]
    return {str(register): value.hex() for register, value in banks.items()}


def test_the_report_holds_what_the_boot_log_replays_to(vault: Lab) -> None:
    report = vault.api.get(f"/vault/racks/{rack(vault)['id']}/attestation").json()
    due = replayed(boot.encoded(boot.boot("b200", "standard_8gpu")))
    assert [node["tpm_pcr_values"] for node in report["nodes"]] == [due] * 4
    assert replayed(boot.encoded(boot.boot("b300", "standard_8gpu"))) != due


def test_racks_and_their_secrets_survive_a_restart(tmp_path: Path) -> None:
    options = Options(state=tmp_path / "state.db")
    seen: list[tuple[str, bytes]] = []
    for _ in range(2):
        with Server("volt-control-plane", options=options) as server:
            headers = {"Authorization": f"Bearer {server.main_key}"}
            with httpx.Client(base_url=server.base_url, headers=headers) as api:
                if not seen:
                    api.post("/vault/racks", json=ORDER)
                    server.state.clock.advance(1)
                (made,) = api.get("/vault/racks").json()["data"]
                server.state.clock.advance(1)
                seen.append((made["id"], api.get(f"/vault/racks/{made['id']}/talos-config").content))
    assert seen[0] == seen[1]
