"""Real reference values and OCSP responses: every stored file gets the outcome that is on record for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp as x509_ocsp

from harness.attest import Code, Rejected
from harness.attest.gpu import Sighting, chain, judge_ledger, ocsp, rim
from tests.attest import gpu_vectors as vectors
from tests.attest.gpu_vectors import DRIVER_RIM, VBIOS_RIM

TODAY = datetime(2026, 11, 20, tzinfo=UTC)
THEN = datetime(2026, 2, 15, tzinfo=UTC)
SDK = "nvidia-sdk/"
SWITCH_RIM = "nvidia-sdk/switchVBIOSRim_NV_SWITCH_BIOS_5612_0002_890_9610550001.xml"
EXPIRED = Code.RIM_CHAIN_EXPIRED
RIMS: list[tuple[str, datetime, Code]] = [
    (DRIVER_RIM, THEN, Code.ACCEPTED),
    (DRIVER_RIM, TODAY, EXPIRED),
    (VBIOS_RIM, THEN, Code.ACCEPTED),
    (VBIOS_RIM, TODAY, EXPIRED),
    (SDK + "NV_GPU_DRIVER_GH100_550.144.03.xml", TODAY, Code.ACCEPTED),
    (SWITCH_RIM, TODAY, Code.ACCEPTED),
    (SDK + "incorrect_cert_chain_driver_rim.xml", TODAY, Code.RIM_CHAIN_LENGTH),
    (SDK + "incorrect_signature_driver_rim.xml", TODAY, Code.RIM_SIGNATURE_INVALID),
    (SDK + "rims/NV_GPU_DRIVER_GH100_535.86.09_measurement_mismatch.xml", TODAY, Code.RIM_DIGEST_MISMATCH),
    (SDK + "rims/NV_GPU_DRIVER_GH100_570.124.03_expired.xml", TODAY, EXPIRED),
    (
        SDK + "rims/NV_GPU_DRIVER_GH100_570.124.03_expired.xml",
        datetime(2025, 1, 1, 1, tzinfo=UTC),
        Code.RIM_DIGEST_MISMATCH,
    ),
    (SDK + "rims/NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml", TODAY, EXPIRED),
    (
        SDK + "rims/NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml",
        datetime(2025, 1, 1, tzinfo=UTC),
        Code.ACCEPTED,
    ),
    (SDK + "rims/NV_SWITCH_BIOS_5612_0002_890_9610550001_invalid_signature.xml", TODAY, EXPIRED),
    (
        SDK + "rims/NV_SWITCH_BIOS_5612_0002_890_9610550001_invalid_signature.xml",
        datetime(2025, 6, 1, tzinfo=UTC),
        Code.RIM_DIGEST_MISMATCH,
    ),
    (SDK + "rims/NV_SWITCH_BIOS_5612_0002_890_9610550001_measurement_mismatch.xml", TODAY, EXPIRED),
    (
        SDK + "rims/NV_SWITCH_BIOS_5612_0002_890_9610550001_measurement_mismatch.xml",
        datetime(2025, 6, 1, tzinfo=UTC),
        Code.RIM_DIGEST_MISMATCH,
    ),
    ("nvidia-wheel/Driver_RIM_test_no_gpu.swidtag", TODAY, EXPIRED),
    ("nvidia-wheel/Driver_RIM_test_no_gpu.swidtag", datetime(2025, 1, 1, tzinfo=UTC), Code.ACCEPTED),
    ("nvidia-wheel/1010_0200_882_96005E0001_test_no_gpu.swidtag", TODAY, EXPIRED),
    ("nvidia-wheel/1010_0200_882_96005E0001_test_no_gpu.swidtag", datetime(2025, 1, 1, tzinfo=UTC), Code.ACCEPTED),
]
pytestmark = pytest.mark.skipif(not vectors.FOLDER.is_dir(), reason=vectors.MISSING)


@pytest.mark.parametrize(("name", "at", "code"), RIMS)
def test_a_stored_manifest_gets_its_outcome(name: str, at: datetime, code: Code) -> None:
    assert _rim_code(vectors.binary(name), at) is code


def test_every_malformed_manifest_is_refused() -> None:
    folder = vectors.FOLDER / "google" / "rim-malformed"
    refused = {path.name: _rim_code(path.read_bytes(), TODAY) for path in sorted(folder.iterdir())}
    assert len(refused) == 18
    assert set(refused.values()) <= {Code.RIM_SIGNATURE_COUNT, Code.RIM_SCHEMA}


def test_the_wrong_root_is_not_trusted() -> None:
    manifest = rim.read(vectors.binary(SDK + "NV_GPU_DRIVER_GH100_550.144.03.xml"))
    wrong = vectors.der(SDK + "incorrect_rim_root.crt")
    assert [p.code for p in rim.judge(manifest, _asked(manifest), wrong, TODAY)] == [Code.RIM_CHAIN_UNTRUSTED_ROOT]


def test_the_ledger_tells_two_genuine_publications_of_one_id_apart() -> None:
    old, new = (
        _sighting(name)
        for name in (
            "nvidia-wheel/1010_0200_882_96005E0001_test_no_gpu.swidtag",
            SDK + "rims/NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml",
        )
    )
    assert [problem.code for problem in judge_ledger([new], [old])] == [Code.RIM_ROLLBACK]
    assert list(judge_ledger([old], [new])) == []


@pytest.mark.parametrize("path", sorted((vectors.FOLDER / "google" / "ocsp").glob("*")), ids=lambda p: p.name)
def test_a_stored_ocsp_response_was_good_when_it_was_made(path: Path) -> None:
    raw = path.read_bytes()
    made = x509_ocsp.load_der_ocsp_response(ocsp.decode(raw)).this_update_utc + timedelta(minutes=1)
    subject, issuer, strangers = _asked_about(raw)
    assert ocsp.judge(raw, subject, issuer, made) == []
    assert [p.code for p in ocsp.judge(raw, subject, issuer, made, bytes(32))] == [Code.OCSP_NONCE_MISSING]
    assert Code.OCSP_EXPIRED in {p.code for p in ocsp.judge(raw, subject, issuer, TODAY)}
    for other, its_issuer in strangers:
        assert ocsp.judge(raw, other, its_issuer, made)[0].code in (
            Code.OCSP_RESPONDER_UNTRUSTED,
            Code.OCSP_CERTID_MISMATCH,
        )


def _rim_code(raw: bytes, at: datetime) -> Code:
    try:
        manifest = rim.read(raw)
        problems = rim.judge(manifest, _asked(manifest), vectors.der(SDK + "rim_root.crt"), at)
    except Rejected as rejected:
        return rejected.problem.code
    return problems[0].code if problems else Code.ACCEPTED


def _asked(manifest: rim.Rim) -> rim.Wanted:
    return rim.Wanted("", manifest.product, manifest.edition, manifest.version)


def _sighting(name: str) -> Sighting:
    manifest = rim.read(vectors.binary(name))
    return Sighting("96005E0001", manifest.content, manifest.certificates[0].not_valid_before_utc)


def _asked_about(
    raw: bytes,
) -> tuple[x509.Certificate, x509.Certificate, list[tuple[x509.Certificate, x509.Certificate]]]:
    """The certificate a response speaks of with its issuer, and all the others."""
    chains = [
        chain.read_pem(vectors.binary("google/test_gpu_attestation_certificate_chain.dat")),
        rim.read(vectors.binary(DRIVER_RIM)).certificates,
        rim.read(vectors.binary(VBIOS_RIM)).certificates,
    ]
    links = [(child, parent) for found in chains for child, parent in pairwise(found)]
    serial = x509_ocsp.load_der_ocsp_response(ocsp.decode(raw)).serial_number
    subject, issuer = next(link for link in links if link[0].serial_number == serial)
    return subject, issuer, [link for link in links if link[0].serial_number != serial]
