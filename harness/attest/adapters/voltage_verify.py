"""Reads voltage-verify-bundle/1: a manifest whose canonical hash the quote and the GPU tokens carry. Trusts none of it.

The collateral and the JWKS that a bundle brings along are what its maker chose: they are not read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.attest.adapters import nras, reading
from harness.attest.canonical import canonical
from harness.attest.evidence import Evidence, Tokens
from harness.attest.scheme import scheme

FORMAT = "voltage-verify-bundle/1"
_MANIFEST = "voltage-verify-manifest/1"


def recognises(document: Any) -> bool:
    return isinstance(document, dict) and document.get("format") == FORMAT


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """Raises Rejected(evidence.malformed)."""
    document = reading.json_object(raw, "bundle")
    manifest = reading.json_object(document.get("manifest"), "manifest")
    if manifest.get("format") != _MANIFEST:
        raise reading.malformed(f"manifest.format: expected {_MANIFEST}, got {manifest.get('format')!r}")
    said = reading.json_object(document.get("commitments"), "commitments")
    tdx = reading.json_object(document.get("tdx"), "tdx")
    report_data = reading.optional_hex(tdx, "report_data_hex")
    evidence = Evidence(
        format=FORMAT,
        raw=raw,
        quote=reading.base64_bytes(tdx, "quote_b64"),
        scheme=scheme("voltage-verify"),
        fields={
            "manifest": canonical(manifest),
            "challenge": reading.hex_bytes(manifest, "challenge"),
            "short_commitment": reading.hex_bytes(said, "sha256"),
            "long_commitment": reading.hex_bytes(said, "sha512"),
        },
        has_log=False,
        tokens=_tokens(document.get("nvidia")),
        measured_claims=() if report_data is None else (("report_data", report_data.hex()),),
        says=_says(manifest),
    )
    return (evidence,)


def _tokens(nvidia: Any) -> Tokens | None:
    if nvidia is None:
        return None
    answer = reading.json_object(nvidia, "nvidia").get("nras")
    return None if answer is None else nras.tokens_of(answer, b"", FORMAT)


def _says(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The workload is hashed into the quote, but nothing measures that it is what runs."""
    return {name: str(manifest[name])[:200] for name in ("workload", "statement", "created_at") if name in manifest}
