"""Reads Chutes evidence, and a gateway's relay of it. Without an instance's session key nothing binds it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from harness.attest.adapters import reading
from harness.attest.channel import public_key_info
from harness.attest.evidence import MAX_ATTESTATIONS, Evidence
from harness.attest.scheme import scheme

FORMAT = "chutes"


def recognises(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    return document.get("attestation_type") == FORMAT or isinstance(document.get("evidence"), list)


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """Every instance listed. `instances` may carry the session keys by instance_id, as the instance list gives them.

    Raises Rejected(evidence.malformed); an instance whose session key nobody gave is read and fails to bind.
    """
    document = reading.json_object(raw, "report")
    relayed = document.get("attestation_type") == FORMAT
    member, quote = ("all_attestations", "intel_quote") if relayed else ("evidence", "quote")
    entries = reading.json_list(document.get(member), member, MAX_ATTESTATIONS)
    if not entries:
        raise reading.malformed(f"{member}: expected at least one instance")
    keys = _session_keys(document)
    return tuple(_evidence(reading.json_object(entry, member), quote, keys, document, raw) for entry in entries)


def _session_keys(document: Mapping[str, Any]) -> dict[str, str]:
    listed = reading.json_list(document.get("instances"), "instances", MAX_ATTESTATIONS)
    rows = [reading.json_object(row, "instances") for row in listed]
    return {str(row.get("instance_id")): reading.text(row, "e2e_pubkey") or "" for row in rows}


def _evidence(
    entry: Mapping[str, Any], quote: str, keys: Mapping[str, str], document: Mapping[str, Any], raw: bytes
) -> Evidence:
    instance = str(entry.get("instance_id", ""))
    key = reading.text(entry, "e2e_pubkey") or keys.get(instance)
    return Evidence(
        format=FORMAT,
        raw=raw,
        quote=reading.base64_bytes(entry, quote),
        scheme=scheme("chutes"),
        fields={**_session_field(key), **_certificate_field(entry)},
        has_log=False,
        gpu=reading.devices(entry.get("gpu_evidence"), "gpu_evidence"),
        echoed=(*reading.hex_if_given(entry, "nonce"), *reading.hex_if_given(document, "nonce")),
        says={"instance_id": instance} if instance else {},
    )


def _session_field(key: str | None) -> dict[str, bytes]:
    """The key is bound as the base64 text that the server sent, not as the bytes it stands for."""
    if not key:
        return {}
    reading.base64_bytes({"e2e_pubkey": key}, "e2e_pubkey")
    return {"session_key": key.encode()}


def _certificate_field(entry: Mapping[str, Any]) -> dict[str, bytes]:
    if entry.get("certificate") is None:
        return {}
    spki = public_key_info(reading.base64_bytes(entry, "certificate"))
    if spki is None:
        raise reading.malformed("certificate: expected X.509 in DER")
    return {"tls_key_fp": hashlib.sha256(spki).digest()}
