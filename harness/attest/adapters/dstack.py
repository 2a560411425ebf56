"""Reads dstack-style reports (signing_address, intel_quote, event_log, info). Believes nothing in them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from harness.attest.evidence import MAX_ATTESTATIONS, MAX_DOCUMENT_BYTES, Evidence
from harness.attest.scheme import scheme
from harness.attest.verdict import Code, Rejected

FORMAT = "dstack"
_ALGORITHMS = ("ecdsa", "ed25519")
_MEASURED = {"mrtd": "mr_td", "rtmr0": "rt_mr0", "rtmr1": "rt_mr1", "rtmr2": "rt_mr2", "rtmr3": "rt_mr3"}
_EVENTS = {
    "compose_hash": "compose-hash",
    "app_id": "app-id",
    "instance_id": "instance-id",
    "os_image_hash": "os-image-hash",
}
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})*)")


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """The report itself, then every other machine listed in it. Raises Rejected(evidence.malformed)."""
    document = _object(raw, "report")
    others = document.pop("all_attestations", None) or []
    if not isinstance(others, list) or len(others) > MAX_ATTESTATIONS:
        raise _malformed(f"all_attestations: expected a list of at most {MAX_ATTESTATIONS}")
    distinct = [entry for entry in others if entry != document]
    return tuple(_evidence(_object(entry, "all_attestations"), raw) for entry in (document, *distinct))


def _evidence(document: Mapping[str, Any], raw: bytes) -> Evidence:
    algo = document.get("signing_algo", "ecdsa")
    if not isinstance(algo, str) or algo not in _ALGORITHMS:
        raise _malformed(f"signing_algo: expected one of {', '.join(_ALGORITHMS)}, got {algo!r}")
    info = _object(document.get("info") or {}, "info")
    tcb_info = _object(info.get("tcb_info") or {}, "info.tcb_info")
    return Evidence(
        format=FORMAT,
        raw=raw,
        quote=_bytes(document, "intel_quote"),
        scheme=scheme(f"dstack-{algo}"),
        fields={"address": _bytes(document, "signing_address")},
        event_log=_event_log(document.get("event_log")),
        echoed_nonce=_optional_bytes(document, "request_nonce"),
        public_key=_public_key(document) if algo == "ecdsa" else None,
        compose=_text(tcb_info, "app_compose"),
        measured_claims=_claims(tcb_info, _MEASURED),
        event_claims={**_claims(tcb_info, _EVENTS), **_claims(info, _EVENTS)},
        says={name: str(info[name]) for name in ("app_name", "device_id") if name in info},
    )


def _public_key(document: Mapping[str, Any]) -> bytes | None:
    key = _optional_bytes(document, "signing_public_key")
    return key[1:] if key is not None and len(key) == 65 and key[0] == 4 else key


def _event_log(value: Any) -> tuple[Any, ...] | None:
    events = _json(value, "event_log") if isinstance(value, str) else value
    if events is None:
        return None
    if not isinstance(events, list):
        raise _malformed("event_log: expected a list")
    return tuple(events)


def _claims(source: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    return {ours: str(source[theirs]).lower() for theirs, ours in names.items() if source.get(theirs) is not None}


def _text(source: Mapping[str, Any], name: str) -> str | None:
    value = source.get(name)
    if value is not None and not isinstance(value, str):
        raise _malformed(f"{name}: expected a string, because its exact bytes are hashed")
    return value


def _bytes(document: Mapping[str, Any], name: str) -> bytes:
    value = document.get(name)
    match = _HEX.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _malformed(f"{name}: expected hex")
    return bytes.fromhex(match[1])


def _optional_bytes(document: Mapping[str, Any], name: str) -> bytes | None:
    return None if document.get(name) is None else _bytes(document, name)


def _object(value: Any, where: str) -> dict[str, Any]:
    document = _json(value, where) if isinstance(value, bytes | str) else value
    if not isinstance(document, dict):
        raise _malformed(f"{where}: expected an object")
    return dict(document)


def _json(text: bytes | str, where: str) -> Any:
    if len(text) > MAX_DOCUMENT_BYTES:
        raise _malformed(f"{where}: more than {MAX_DOCUMENT_BYTES} bytes")
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"{where}: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A repeated key is read differently by different parsers; here it is an error."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return document


def _malformed(reason: str) -> Rejected:
    return Rejected(Code.EVIDENCE_MALFORMED, reason)
