"""Reads Azure's confidential VM evidence, version 1: TD quote, HCL report, vTPM quote. Believes nothing in them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from harness.attest.adapters import reading
from harness.attest.evidence import Evidence
from harness.attest.scheme import scheme
from harness.attest.tpm import TpmQuote, read_attested

FORMAT = "azure"
_HEADER, _REPORT = 32, 1184
_TDX = 4
_PCRS = 24


def recognises(document: Any) -> bool:
    return isinstance(document, dict) and "hcl_report" in document and "td_quote" in document


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """Raises Rejected(evidence.malformed)."""
    document = reading.json_object(raw, "evidence")
    runtime = runtime_json(_url_base64(document, "hcl_report"))
    tpm = _tpm(reading.json_object(document.get("tpm_quote"), "tpm_quote"), runtime)
    evidence = Evidence(
        format=FORMAT,
        raw=raw,
        quote=_url_base64(document, "td_quote"),
        scheme=scheme("azure-runtime"),
        fields={"runtime_json": runtime, "tpm_nonce": read_attested(tpm.message).extra},
        has_log=False,
        tpm=tpm,
        says={"vm-configuration": str(reading.json_object(runtime, "runtime").get("vm-configuration"))[:300]},
    )
    return (evidence,)


def runtime_json(report: bytes) -> bytes:
    """The runtime data of an HCL report: the bytes whose hash the TD binds. Raises Rejected(evidence.malformed)."""
    at = _HEADER + _REPORT
    if not report.startswith(b"HCLA") or len(report) < at + 20:
        raise reading.malformed("hcl_report: expected an HCL attestation report")
    _, _, kind, _, size = struct.unpack_from("<5I", report, at)
    runtime = report[at + 20 : at + 20 + size]
    if kind != _TDX or len(runtime) != size or report[at + 20 + size :].strip(b"\0"):
        raise reading.malformed(f"hcl_report: report type {kind}, {len(runtime)} of {size} bytes of runtime data")
    return runtime


def _tpm(quote: Mapping[str, Any], runtime: bytes) -> TpmQuote:
    pcrs = reading.json_list(quote.get("pcrs"), "pcrs", _PCRS)
    keys = reading.json_list(reading.json_object(runtime, "runtime").get("keys"), "keys", 8)
    named = [key for key in (reading.json_object(each, "keys") for each in keys) if key.get("kid") == "HCLAkPub"]
    if len(named) != 1 or named[0].get("kty") != "RSA":
        raise reading.malformed("runtime: expected one RSA key HCLAkPub")
    return TpmQuote(
        message=reading.hex_bytes(quote, "message"),
        signature=reading.hex_bytes(quote, "signature"),
        modulus=int.from_bytes(_url_base64(named[0], "n"), "big"),
        exponent=int.from_bytes(_url_base64(named[0], "e"), "big"),
        registers=tuple(reading.hex_bytes({"pcr": pcr}, "pcr") for pcr in pcrs),
    )


def _url_base64(document: Mapping[str, Any], name: str) -> bytes:
    value = document.get(name)
    if not isinstance(value, str) or set(value) & set("+/"):
        raise reading.malformed(f"{name}: expected base64url")
    return reading.base64_bytes({name: value.translate(str.maketrans("-_", "+/"))}, name)
