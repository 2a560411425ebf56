"""Reads NEAR AI's answer: the gateway, every model behind it, and their compose managers. Believes nothing in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from harness.attest.adapters import dstack, reading
from harness.attest.evidence import MAX_ATTESTATIONS, Evidence
from harness.attest.scheme import scheme

FORMAT = "near"
_MEMBERS = ("gateway_attestation", "model_attestations")


def recognises(document: Any) -> bool:
    """The direct endpoint answers for one machine in dstack's shape and is told apart by the TLS fingerprint."""
    if not isinstance(document, dict):
        return False
    direct = dstack.recognises(document) and document.get("tls_cert_fingerprint") is not None
    return direct or any(member in document for member in _MEMBERS)


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """Gateway first, then the models, each followed by its compose manager. Raises Rejected(evidence.malformed)."""
    document = reading.json_object(raw, "report")
    if not any(member in document for member in _MEMBERS):
        return tuple(_machines(document, raw))
    entries = reading.json_list(document.get("model_attestations"), "model_attestations", MAX_ATTESTATIONS)
    models = [machine for entry in entries for machine in _machines(reading.json_object(entry, "entry"), raw)]
    gateway = document.get("gateway_attestation")
    if gateway is not None:
        shown = _machines(reading.json_object(gateway, "gateway_attestation"), raw)
        models = [*(replace(machine, runs_models=False) for machine in shown), *models]
    if not models:
        raise reading.malformed("neither a gateway nor a model is attested")
    return tuple(models)


def _machines(entry: Mapping[str, Any], raw: bytes) -> Iterator[Evidence]:
    host = dstack.evidence_of(entry, raw, FORMAT)
    yield host
    manager = entry.get("compose_manager_attestation")
    if manager is not None:
        yield _compose_manager(reading.json_object(manager, "compose_manager_attestation"), host, raw)


def _compose_manager(manager: Mapping[str, Any], host: Evidence, raw: bytes) -> Evidence:
    said = reading.optional_hex(manager, "report_data")
    return Evidence(
        format=FORMAT,
        raw=raw,
        quote=reading.hex_bytes(manager, "quote"),
        scheme=scheme("near-compose-manager"),
        fields={"actions_hash": reading.hex_bytes(manager, "actions_hash")},
        beside=host.quote,
        runs_models=False,
        event_log=dstack.event_log(manager.get("event_log")),
        echoed=reading.hex_if_given(manager, "nonce"),
        measured_claims=() if said is None else (("report_data", said.hex()),),
        says={"actions": "the list of compose actions; how its hash is made is not published"},
    )
