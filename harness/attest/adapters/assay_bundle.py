"""Reads assay-bundle/1, which `assay attest collect` writes inside a guest. Believes none of its notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.attest.adapters import dstack, reading
from harness.attest.evidence import Evidence
from harness.attest.scheme import scheme

FORMAT = "assay-bundle/1"


def recognises(document: Any) -> bool:
    return isinstance(document, dict) and document.get("format") == FORMAT


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """Raises Rejected(evidence.malformed)."""
    document = reading.json_object(raw, "bundle")
    parts = reading.json_object(document.get("parts"), "parts")
    gpu, ccel = _part(parts, "gpu"), _part(parts, "ccel")
    answer, info = _object(parts, "dstack_quote"), _object(parts, "dstack_info")
    events = dstack.event_log(answer.get("event_log"))
    tcb_info = reading.json_object(info.get("tcb_info") or {}, "dstack_info.tcb_info")
    payload = None if gpu is None else reading.json_object(gpu, "gpu")
    evidence = Evidence(
        format=FORMAT,
        raw=raw,
        quote=reading.base64_bytes(parts, "quote"),
        scheme=scheme("nonce" if gpu is None else "assay-gpu"),
        fields={} if gpu is None else {"gpu": gpu, "gpu_evidence_hash": _hash(document)},
        event_log=events,
        ccel=ccel,
        has_log=events is not None or ccel is not None,
        gpu=() if payload is None else reading.devices(payload.get("evidence_list"), "evidence_list"),
        echoed=(reading.hex_bytes(document, "nonce"), *reading.hex_if_given(payload or {}, "nonce")),
        compose=reading.text(tcb_info, "app_compose"),
        says={"collected_at": str(document.get("collected_at")), "source": str(document.get("source"))},
    )
    return (evidence,)


def _hash(document: Mapping[str, Any]) -> bytes:
    return reading.hex_bytes(document, "gpu_evidence_hash")


def _part(parts: Mapping[str, Any], name: str) -> bytes | None:
    return reading.base64_bytes(parts, name) if name in parts else None


def _object(parts: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = _part(parts, name)
    return {} if part is None else reading.json_object(part, name)
