"""Reads the JSON that carries GPU or switch evidence: nonce, arch, and a list of report and certificate chain."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.attest.gpu.identity import BLACKWELL, HOPPER, SWITCH
from harness.attest.verdict import Code, Problem, Rejected

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
MAX_DEVICES = 64
_ARCHS = (HOPPER, BLACKWELL, SWITCH)


@dataclass(frozen=True)
class Entry:
    arch: str
    report: bytes
    certificates: bytes  # PEM
    nonce: str | None


@dataclass(frozen=True)
class Payload:
    entries: tuple[Entry, ...]
    nonce: str | None


def recognises(raw: bytes) -> bool:
    """Whether this is the object form, by its one member that must be there."""
    try:
        document = load(raw, MAX_PAYLOAD_BYTES, Code.PAYLOAD_MALFORMED)
    except Rejected:
        return False
    return isinstance(document, dict) and "evidence_list" in document


def read(raw: bytes) -> Payload:
    """Raises Rejected with a `payload.*` code."""
    document = load(raw, MAX_PAYLOAD_BYTES, Code.PAYLOAD_MALFORMED)
    if isinstance(document, list):  # as collectors write it: the entries alone
        document = {"evidence_list": document}
    listed = document.get("evidence_list") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise Rejected(Code.PAYLOAD_MALFORMED, "evidence_list: expected a list of objects")
    if not listed:
        raise Rejected(Code.PAYLOAD_EMPTY, "evidence_list is empty")
    if len(listed) > MAX_DEVICES:
        raise Rejected(Code.PAYLOAD_MALFORMED, f"{len(listed)} devices, more than {MAX_DEVICES}")
    overall = _text(document, "arch")
    entries = tuple(_entry(entry, overall) for entry in listed)
    if len({entry.arch for entry in entries} | ({overall} if overall else set())) > 1:
        raise Rejected(Code.PAYLOAD_ARCH_MIXED, f"{overall!r} holds {sorted({entry.arch for entry in entries})}")
    return Payload(entries, _text(document, "nonce"))


def judge_nonces(payload: Payload, nonce: bytes) -> Iterator[Problem]:
    """What the document repeats proves nothing, but a wrong one is a fault of its own."""
    for said in sorted({payload.nonce, *(entry.nonce for entry in payload.entries)} - {None}, key=str):
        if str(said).lower().removeprefix("0x") != nonce.hex():
            yield Problem(Code.PAYLOAD_NONCE_MISMATCH, f"the document repeats {said!r}, sent {nonce.hex()}")


def load(raw: bytes, limit: int, code: Code) -> Any:
    """JSON in UTF-8 in which no member is given twice, as every reader understands it. Raises Rejected(code)."""
    if len(raw) > limit:
        raise Rejected(code, f"{len(raw)} bytes, more than {limit}")
    try:
        return json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Rejected(code, f"not JSON: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _entry(entry: dict[str, Any], overall: str | None) -> Entry:
    arch = _text(entry, "arch") or overall
    if arch not in _ARCHS:
        raise Rejected(Code.POLICY_ARCH, f"arch {arch!r} is none of {', '.join(_ARCHS)}")
    return Entry(arch, _decode(entry, "evidence"), _decode(entry, "certificate"), _text(entry, "nonce"))


def _decode(entry: dict[str, Any], member: str) -> bytes:
    value = entry.get(member)
    if not isinstance(value, str):
        raise Rejected(Code.PAYLOAD_MALFORMED, f"{member}: expected base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Rejected(Code.PAYLOAD_BASE64, f"{member}: {error}") from error


def _text(document: dict[str, Any], member: str) -> str | None:
    value = document.get(member)
    if value is not None and not isinstance(value, str):
        raise Rejected(Code.PAYLOAD_MALFORMED, f"{member}: expected text")
    return value
