"""Honest documents of every evidence format, made over a test platform's quotes; tests change one thing in them."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from harness.attest.canonical import canonical
from tests.attest.lab import HONEST, MODEL, NONCE, NOW, no_gpus, platform

Document = dict[str, Any]
SESSION_KEY = base64.b64encode(bytes(range(256)) * 4).decode()
HPKE_KEY = hashlib.sha256(b"hpke").digest()


def quote_over(report_data: bytes) -> bytes:
    machine = platform(report_data=lambda _identity, _nonce: report_data)
    return bytes.fromhex(machine.report(MODEL, NONCE)["intel_quote"])


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def spdm(nonce: bytes) -> bytes:
    """A GPU report as far as its tie to the quote goes: the request with its nonce, then nothing genuine."""
    return bytes.fromhex("11e001ff") + nonce + bytes(40)


def device(nonce: bytes = NONCE) -> Document:
    chain = text_of(b"-----BEGIN CERTIFICATE-----")
    return {"evidence": text_of(spdm(nonce)), "certificate": chain, "arch": "HOPPER"}


def payload(nonce: bytes = NONCE, count: int = 2) -> Document:
    return {"nonce": nonce.hex(), "evidence_list": [device(nonce) for _ in range(count)], "arch": "HOPPER"}


@functools.cache
def certificate(number: int = 1) -> x509.Certificate:
    key = ec.derive_private_key(1000 + number, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"enclave {number}.test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(number).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=30))
    return dated.sign(key, SHA256())


def der(number: int = 1) -> bytes:
    return certificate(number).public_bytes(Encoding.DER)


def pem(number: int = 1) -> str:
    return certificate(number).public_bytes(Encoding.PEM).decode()


def spki(number: int = 1) -> bytes:
    return certificate(number).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(number: int = 1) -> bytes:
    return hashlib.sha256(spki(number)).digest()


def dstack() -> Document:
    report = {**HONEST.report(MODEL, NONCE), "nvidia_payload": json.dumps(payload())}
    report.pop("all_attestations")
    return report


def near_entry(algo: str = "ecdsa") -> Document:
    tls = hashlib.sha256(der()).digest()
    identity = HONEST.identity(MODEL, algo).bound
    bound = hashlib.sha256(identity + tls).digest() + NONCE
    report = platform(report_data=lambda _identity, _nonce: bound, gpu_payload=no_gpus).report(MODEL, NONCE, algo)
    report.pop("all_attestations")
    return {
        **report,
        "tls_cert_fingerprint": tls.hex(),
        "report_data": bound.hex(),
        "event_log": json.dumps(report["event_log"]),
    }


def compose_manager() -> Document:
    actions = hashlib.sha256(b"actions").digest()
    log = HONEST.report(MODEL, NONCE)["event_log"]
    quote = quote_over(actions + NONCE)
    return {"actions": [], "actions_hash": actions.hex(), "nonce": NONCE.hex(), "quote": quote.hex(), "event_log": log}


def near() -> Document:
    model = {**near_entry(), "model_name": MODEL, "nvidia_payload": json.dumps(payload())}
    model["compose_manager_attestation"] = compose_manager()
    return {"gateway_attestation": near_entry("ed25519"), "model_attestations": [model]}


def chutes_instance() -> Document:
    derived = hashlib.sha256(NONCE.hex().encode() + SESSION_KEY.encode()).digest()
    return {
        "quote": text_of(quote_over(derived + fingerprint())),
        "gpu_evidence": [device(derived)],
        "instance_id": "one",
        "certificate": text_of(der()),
    }


def chutes() -> Document:
    keys = [{"instance_id": "one", "e2e_pubkey": SESSION_KEY}]
    return {"evidence": [chutes_instance()], "failed_instance_ids": [], "instances": keys}


def relayed_chutes() -> Document:
    entry = {**chutes_instance(), "e2e_pubkey": SESSION_KEY, "nonce": NONCE.hex()}
    entry["intel_quote"] = entry.pop("quote")
    return {"attestation_type": "chutes", "nonce": NONCE.hex(), "all_attestations": [entry]}


def tinfoil(gpu: bool = True) -> Document:
    shown = {"evidences": [{**device(), "nonce": NONCE.hex()}]}
    hashed = hashlib.sha256(dumped(shown)).digest()
    said = {"tls_key_fp": fingerprint().hex(), "hpke_key": HPKE_KEY.hex(), "nonce": NONCE.hex()}
    bound = fingerprint() + HPKE_KEY + NONCE + (hashed if gpu else b"")
    quote = quote_over(hashlib.sha256(bound).digest() + bytes(32))
    document: Document = {
        "format": "https://tinfoil.sh/predicate/attestation/v3",
        "report_data": {**said, "gpu_evidence_hash": hashed.hex()} if gpu else said,
        "cpu": {"platform": "tdx", "report": text_of(quote)},
        "certificate": pem(),
        "signature": "",
    }
    return {**document, "gpu": shown} if gpu else document


def bundle() -> Document:
    manifest = {
        "format": "voltage-verify-manifest/1",
        "created_at": "2026-11-20T12:00:00Z",
        "challenge": NONCE.hex(),
        "workload": {"image": {"reference": "registry.test/é", "digest": "sha256:00"}, "artifacts": [], "extra": None},
        "statement": "a test",
    }
    exact = canonical(manifest)
    long = hashlib.sha512(exact).digest()
    token = "e30.e30.AA"
    return {
        "format": "voltage-verify-bundle/1",
        "manifest": manifest,
        "commitments": {"sha256": hashlib.sha256(exact).hexdigest(), "sha512": long.hex()},
        "tdx": {"quote_b64": text_of(quote_over(long)).rstrip("="), "report_data_hex": long.hex()},
        "nvidia": {"nras": [["JWT", token], {"REMOTE_GPU_CLAIMS": [["JWT", token], {"GPU-0": token}]}]},
    }


def rack(hosts: tuple[str, ...] = ("node-1", "node-2")) -> Document:
    pcrs = {str(n): hashlib.sha256(bytes((n,))).hexdigest() for n in range(10)}
    verified = (NOW - timedelta(minutes=3)).isoformat()
    node = {"tpm_pcr_values": pcrs, "measured_boot_verdict": "pass", "verified_at": verified}
    return {"rack_id": "rack-1", "nodes": [{"hostname": host, **node} for host in hosts]}


def dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
