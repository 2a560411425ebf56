"""Reads Tinfoil's attestation, version 3, on TDX. Hashes are over the bytes that came; SEV-SNP is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.attest.adapters import reading
from harness.attest.channel import public_key_info
from harness.attest.evidence import Evidence
from harness.attest.scheme import scheme

FORMAT = "https://tinfoil.sh/predicate/attestation/v3"
_HASHES = ("tls_key_fp", "hpke_key", "gpu_evidence_hash", "nvswitch_evidence_hash")


def recognises(document: Any) -> bool:
    return isinstance(document, dict) and document.get("format") == FORMAT


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """Raises Rejected(evidence.malformed)."""
    document, exact = reading.json_object(raw, "report"), reading.raw_members(raw, "report")
    said = reading.json_object(document.get("report_data"), "report_data")
    cpu = reading.json_object(document.get("cpu"), "cpu")
    if cpu.get("platform") != "tdx":
        raise reading.malformed(f"cpu.platform: only tdx is judged, got {cpu.get('platform')!r}")
    gpu = reading.json_object(document.get("gpu") or {}, "gpu")
    evidence = Evidence(
        format="tinfoil-v3",
        raw=raw,
        quote=reading.base64_bytes(cpu, "report"),
        scheme=scheme(_scheme_name(said, document)),
        fields={**_hashes(said), **_exact(exact, document), **_public_key(document)},
        has_log=False,
        gpu=reading.devices(gpu.get("evidences"), "gpu.evidences"),
        echoed=reading.hex_if_given(said, "nonce"),
    )
    return (evidence,)


def _scheme_name(said: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Evidence that is shown must be bound: what the document holds decides, not which hashes it admits to."""
    if document.get("nvswitch") or said.get("nvswitch_evidence_hash"):
        return "tinfoil-v3-gpu-nvswitch"
    if document.get("gpu") or said.get("gpu_evidence_hash"):
        return "tinfoil-v3-gpu"
    return "tinfoil-v3"


def _hashes(said: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: reading.hex_bytes(said, name) for name in _HASHES if said.get(name)}


def _exact(exact: Mapping[str, bytes], document: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: exact[name] for name in ("gpu", "nvswitch") if document.get(name)}


def _public_key(document: Mapping[str, Any]) -> dict[str, bytes]:
    pem = reading.text(document, "certificate")
    try:
        der = x509.load_pem_x509_certificate((pem or "").encode()).public_bytes(Encoding.DER)
    except ValueError as error:
        raise reading.malformed("certificate: expected X.509 in PEM") from error
    spki = public_key_info(der)
    if spki is None:
        raise reading.malformed("certificate: its public key cannot be read")
    return {"spki": spki}
