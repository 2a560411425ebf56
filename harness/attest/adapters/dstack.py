"""Reads dstack-style reports (signing_address, intel_quote, event_log, info). Believes nothing in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.attest.adapters import reading
from harness.attest.eventlog import SYSTEM_NAMES
from harness.attest.evidence import MAX_ATTESTATIONS, Evidence
from harness.attest.scheme import scheme

FORMAT = "dstack"
_ALGORITHMS = ("ecdsa", "ed25519")
_MEASURED = {
    "mrtd": "mr_td",
    "rtmr0": "rt_mr0",
    "rtmr1": "rt_mr1",
    "rtmr2": "rt_mr2",
    "rtmr3": "rt_mr3",
    "report_data": "report_data",
}
_EVENTS = {
    "compose_hash": "compose-hash",
    "app_id": "app-id",
    "instance_id": "instance-id",
    "os_image_hash": "os-image-hash",
}


def recognises(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    return {"intel_quote", "signing_address"} <= document.keys() or {"quote", "event_log"} <= document.keys()


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """The report itself, then every other machine listed in it. Raises Rejected(evidence.malformed)."""
    document = reading.json_object(raw, "report")
    if "intel_quote" not in document and "quote" in document:
        return (_guest_quote(document, raw),)
    others = reading.json_list(document.pop("all_attestations", None), "all_attestations", MAX_ATTESTATIONS)
    entries = [reading.json_object(entry, "all_attestations") for entry in others]
    distinct = [entry for entry in entries if not _repeats(entry, document)]
    return tuple(evidence_of(entry, raw, FORMAT) for entry in (document, *distinct))


def _repeats(entry: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether an entry is the document's own, which some servers list with fewer members. It says nothing new."""
    quoted = "intel_quote" in entry
    return quoted and all(name in document and document[name] == value for name, value in entry.items())


def evidence_of(document: Mapping[str, Any], raw: bytes, name: str) -> Evidence:
    """One attested machine in dstack's shape; NEAR's entries have it as well, with a TLS fingerprint in the hash."""
    algo = document.get("signing_algo", "ecdsa")
    if not isinstance(algo, str) or algo not in _ALGORITHMS:
        raise reading.malformed(f"signing_algo: expected one of {', '.join(_ALGORITHMS)}, got {algo!r}")
    info = reading.json_object(document.get("info") or {}, "info")
    tcb_info = reading.json_object(info.get("tcb_info") or {}, "info.tcb_info")
    fingerprint = reading.optional_hex(document, "tls_cert_fingerprint")
    payload = _gpu_payload(document.get("nvidia_payload"))
    events = event_log(document.get("event_log"))
    return Evidence(
        format=name,
        raw=raw,
        quote=reading.hex_bytes(document, "intel_quote"),
        scheme=scheme(f"{'dstack' if fingerprint is None else 'near'}-{algo}"),
        fields=_fields(document, fingerprint),
        event_log=events,
        ccel=_firmware_log(document) if events is not None else None,  # alone it does not explain RTMR3
        copies=reading.hex_if_given(document, "quote"),
        gpu=reading.devices(payload.get("evidence_list"), "evidence_list"),
        echoed=(*reading.hex_if_given(document, "request_nonce"), *reading.hex_if_given(payload, "nonce")),
        public_key=_public_key(document),
        compose=reading.text(tcb_info, "app_compose"),
        measured_claims=(*_claims(document, _MEASURED), *_claims(tcb_info, _MEASURED)),
        event_claims=(*_claims(tcb_info, _EVENTS), *_claims(info, _EVENTS), *_repeated(tcb_info)),
        says={member: str(info[member]) for member in ("app_name", "device_id") if member in info},
    )


def _guest_quote(document: Mapping[str, Any], raw: bytes) -> Evidence:
    """The answer of the guest's own socket: its caller chose report_data, which is taken to be the challenge."""
    return Evidence(
        format=FORMAT,
        raw=raw,
        quote=reading.hex_bytes(document, "quote"),
        scheme=scheme("nonce"),
        fields={},
        event_log=event_log(document.get("event_log")),
        measured_claims=_claims(document, {"report_data": "report_data"}),
    )


def event_log(value: Any) -> tuple[Any, ...] | None:
    events = reading.json_value(value, "event_log") if isinstance(value, str) else value
    if events is None:
        return None
    if not isinstance(events, list):
        raise reading.malformed("event_log: expected a list")
    return tuple(events)


def _gpu_payload(value: Any) -> dict[str, Any]:
    """Empty where none is shown; something else than GPU evidence is not taken for none."""
    payload = {} if value in (None, "") else reading.json_object(value, "nvidia_payload")
    if payload and "evidence_list" not in payload:
        raise reading.malformed("nvidia_payload: expected a member evidence_list")
    return payload


def _repeated(tcb_info: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a second log says about the boot; some servers cut its payloads, and nobody replays it."""
    said = dict[str, str]()
    for event in event_log(tcb_info.get("event_log")) or ():
        name, payload = (event.get("event"), event.get("event_payload")) if isinstance(event, dict) else (None, None)
        if isinstance(name, str) and name in SYSTEM_NAMES and payload:
            said.setdefault(name, _plain(payload))
    return tuple(said.items())


def _firmware_log(document: Mapping[str, Any]) -> bytes | None:
    return None if document.get("ccel") is None else reading.base64_bytes(document, "ccel")


def _fields(document: Mapping[str, Any], fingerprint: bytes | None) -> dict[str, bytes]:
    address = {"address": reading.hex_bytes(document, "signing_address")}
    return address if fingerprint is None else {**address, "tls_cert_fingerprint": fingerprint}


def _public_key(document: Mapping[str, Any]) -> bytes | None:
    key = reading.optional_hex(document, "signing_public_key")
    return key[1:] if key is not None and len(key) == 65 and key[0] == 4 else key


def _claims(source: Mapping[str, Any], names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((ours, _plain(source[theirs])) for theirs, ours in names.items() if source.get(theirs) is not None)


def _plain(value: Any) -> str:
    return str(value).lower().removeprefix("0x")
