"""The test platform on its own: an independent engine accepts it, nothing takes it for Intel's."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import dcap_qvl
import pytest
from Crypto.Hash import keccak
from cryptography import x509
from cryptography.x509.oid import NameOID

from mockserver.tee import Decisions, Platform

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
NONCE = bytes(range(32))
MODEL = "moonshotai/Kimi-K2.5-TEE"


@pytest.fixture(scope="module")
def machine() -> Platform:
    return Platform(b"platform tests", lambda: NOW)


def test_the_engine_accepts_its_quote_under_its_own_root(machine: Platform, tmp_path: Path) -> None:
    machine.export_trust(tmp_path / "trust")
    collateral = dcap_qvl.QuoteCollateralV3.from_json((tmp_path / "trust" / "collateral.json").read_text())
    root = (tmp_path / "trust" / "root.der").read_bytes()
    assert dcap_qvl.verify_with_root_ca(quote(machine), collateral, root, AT).status == "UpToDate"


def test_the_engine_rejects_its_quote_under_intels_root(machine: Platform) -> None:
    collateral = dcap_qvl.QuoteCollateralV3.from_json(json.dumps(machine.collateral()))
    with pytest.raises(ValueError, match="root CA CRL"):
        dcap_qvl.verify(quote(machine), collateral, AT)


def test_every_certificate_says_that_it_is_a_test(machine: Platform) -> None:
    chain = x509.load_pem_x509_certificates(quote(machine)[1258:].rstrip(b"\0"))
    chain += x509.load_pem_x509_certificates(machine.collateral()["tcb_info_issuer_chain"].encode())
    names = [certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value for certificate in chain]
    assert set(names) == {"ASSAY TEST ROOT - NOT INTEL"}


def test_report_data_holds_the_address_of_the_public_key_and_the_nonce(machine: Platform) -> None:
    report = machine.report(MODEL, NONCE)
    address = keccak.new(digest_bits=256, data=bytes.fromhex(report["signing_public_key"])).digest()[12:]
    assert report["signing_address"] == f"0x{address.hex()}"
    assert parsed(machine).report_data == address + bytes(12) + NONCE


def test_compose_text_log_and_config_id_agree(machine: Platform) -> None:
    info = machine.report(MODEL, NONCE)["info"]
    digest = hashlib.sha256(info["tcb_info"]["app_compose"].encode()).digest()
    logged = {event["event"]: event["event_payload"] for event in info["tcb_info"]["event_log"]}
    assert info["compose_hash"] == logged["compose-hash"] == digest.hex()
    assert parsed(machine).mr_config_id == b"\x01" + digest + bytes(15)


def test_models_differ_in_key_and_measurement(machine: Platform) -> None:
    one, other = machine.report("a/one-TEE", NONCE), machine.report("a/two-TEE", NONCE)
    assert one["signing_address"] != other["signing_address"]
    assert one["info"]["tcb_info"]["rtmr3"] != other["info"]["tcb_info"]["rtmr3"]


def test_one_seed_and_day_give_one_platform(machine: Platform) -> None:
    twin = Platform(b"platform tests", lambda: NOW)
    assert twin.report(MODEL, NONCE) == machine.report(MODEL, NONCE)
    assert twin.collateral() == machine.collateral()
    assert Platform(b"another", lambda: NOW).root_der() != machine.root_der()


def test_collateral_follows_the_clock() -> None:
    moments = [NOW]
    machine = Platform(b"platform tests", lambda: moments[-1])
    moments.append(datetime(2027, 6, 1, tzinfo=UTC))
    collateral = dcap_qvl.QuoteCollateralV3.from_json(json.dumps(machine.collateral()))
    at = int(moments[-1].timestamp())
    assert dcap_qvl.verify_with_root_ca(quote(machine), collateral, machine.root_der(), at).status == "UpToDate"


@pytest.mark.parametrize("nonce", [b"", bytes(31), bytes(33)])
def test_a_nonce_of_another_length_is_refused(machine: Platform, nonce: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        machine.report(MODEL, nonce)


def test_an_unknown_algorithm_is_refused(machine: Platform) -> None:
    with pytest.raises(ValueError, match="ecdsa, ed25519"):
        machine.report(MODEL, NONCE, "rsa")


def test_a_defect_changes_one_decision_and_nothing_else(machine: Platform) -> None:
    stale = Platform(b"platform tests", lambda: NOW, Decisions(nonce_used=lambda _: bytes(32)))
    honest, defective = machine.report(MODEL, NONCE), stale.report(MODEL, NONCE)
    assert {name for name in honest if honest[name] != defective[name]} == {"intel_quote", "all_attestations"}


def quote(machine: Platform) -> bytes:
    return bytes.fromhex(machine.report(MODEL, NONCE)["intel_quote"])


def parsed(machine: Platform) -> dcap_qvl.TdReport10:
    report = dcap_qvl.parse_quote(quote(machine)).report
    return report() if callable(report) else report
