"""What the mock's makers of CPU and GPU publish: in the vendors' forms, and good enough for the judges."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from harness.attest.gpu.token import TokenTrust, verify_token
from mockserver.tee.gpu import Board
from tests.mockserver.conftest import MODEL, Lab

NONCE = "a1" * 32


def board(lab: Lab) -> Board:
    platform = lab.server.state.platform
    assert platform is not None
    return platform.board(MODEL)


def payload(lab: Lab) -> dict[str, Any]:
    report = lab.api.get("/attestation/report", params={"model": MODEL, "nonce": NONCE}).json()
    found: dict[str, Any] = json.loads(report["nvidia_payload"])
    return found


def test_a_report_holds_eight_gpus_of_its_own(lab: Lab) -> None:
    entries = payload(lab)["evidence_list"]
    assert len({entry["certificate"] for entry in entries}) == 8


def test_reference_values_are_given_by_id(lab: Lab) -> None:
    origin = lab.server.origin + "/nvidia/rim/v1/rim/"
    ids = httpx.get(origin + "ids").json()["ids"]
    assert len(ids) == 2
    for name in ids:
        found = httpx.get(origin + name).json()
        raw = base64.b64decode(found["rim"])
        assert (found["id"], found["sha256"]) == (name, hashlib.sha256(raw).hexdigest())
        assert b"ASSAY TEST" in raw
    assert httpx.get(origin + "NV_GPU_DRIVER_GH100_1.0").status_code == 404


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384()])
def test_the_responder_answers_with_the_nonce_that_was_sent(lab: Lab, algorithm: hashes.HashAlgorithm) -> None:
    key, provisioner = board(lab).gpus[0].chain[1:3]
    asked = ocsp.OCSPRequestBuilder().add_certificate(key.certificate, provisioner.certificate, algorithm)
    sent = asked.add_extension(x509.OCSPNonce(b"n" * 16), critical=False).build().public_bytes(Encoding.DER)
    answer = ocsp.load_der_ocsp_response(httpx.post(lab.server.origin + "/nvidia/ocsp", content=sent).content)
    assert (answer.certificate_status, answer.serial_number) == (
        ocsp.OCSPCertStatus.GOOD,
        key.certificate.serial_number,
    )
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16


def test_the_responder_knows_its_own_certificates_only(lab: Lab) -> None:
    device = board(lab).gpus[0]
    leaf = ocsp.OCSPRequestBuilder().add_certificate(
        device.chain[0].certificate, device.chain[1].certificate, hashes.SHA256()
    )
    url, status = lab.server.origin + "/nvidia/ocsp", ocsp.OCSPResponseStatus
    for sent, due in ((leaf.build().public_bytes(Encoding.DER), status.UNAUTHORIZED), (b"x", status.MALFORMED_REQUEST)):
        assert ocsp.load_der_ocsp_response(httpx.post(url, content=sent).content).response_status is due


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_the_attestation_service_vouches_for_what_its_gpus_signed(lab: Lab, version: str) -> None:
    origin = lab.server.origin + "/nvidia/nras"
    answer = httpx.post(f"{origin}/{version}/attest/gpu", json=payload(lab))
    jwks = httpx.get(origin + "/.well-known/jwks.json").content
    anchor = board(lab).tokens(lab.server.state.clock.instant()).anchor()
    trust, now = TokenTrust(jwks, frozenset({anchor})), lab.server.state.clock.instant()
    report = verify_token(answer.content, trust, bytes.fromhex(NONCE), now, 8)
    assert (answer.status_code, report.problems) == (200, ())


@pytest.mark.parametrize("change", ["nonce", "evidence", "certificate", "none"])
def test_the_attestation_service_vouches_for_nothing_else(lab: Lab, change: str) -> None:
    sent = payload(lab)
    first = sent["evidence_list"][0]
    if change == "nonce":
        sent["nonce"] = "a2" * 32
    elif change == "evidence":
        first["evidence"] = first["evidence"][:2000] + "AAAA" + first["evidence"][2004:]
    elif change == "certificate":
        first["certificate"] = sent["evidence_list"][1]["certificate"]
    else:
        sent["evidence_list"] = []
    assert httpx.post(lab.server.origin + "/nvidia/nras/v4/attest/gpu", json=sent).status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"nonce": 7}', b'{"nonce": "00", "evidence_list": [7]}'])
def test_what_cannot_be_read_is_refused(lab: Lab, body: bytes) -> None:
    assert httpx.post(lab.server.origin + "/nvidia/nras/v4/attest/gpu", content=body).status_code == 400


def test_only_the_vendors_paths_exist(lab: Lab, core: Lab) -> None:
    assert httpx.get(lab.server.origin + "/nvidia/ocsp").status_code == 405
    assert httpx.get(lab.server.origin + "/nvidia/other").status_code == 404
    assert httpx.get(core.server.origin + "/nvidia/rim/v1/rim/ids").status_code == 401  # a path as any other
