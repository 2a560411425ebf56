"""Reads answers of NVIDIA's attestation service, as the service or its SDK gives them. Verifies no signature."""

from __future__ import annotations

import re
from typing import Any

from harness.attest.adapters import reading
from harness.attest.evidence import Tokens

FORMAT = "nras"
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_MAX_TOKENS = 64
_NESTED = "REMOTE_GPU_CLAIMS"


def recognises(document: Any) -> bool:
    """A list that starts with ["JWT", ...]; a bare token is no JSON and is told by `is_token`."""
    return isinstance(document, list) and bool(document) and _is_pair(document[0])


def is_token(raw: bytes) -> bool:
    try:
        return _JWT.fullmatch(raw.decode("ascii").strip()) is not None
    except UnicodeDecodeError:
        return False


def parse(raw: bytes) -> Tokens:
    """Raises Rejected(evidence.malformed)."""
    if is_token(raw):
        return Tokens(FORMAT, raw, raw.decode("ascii").strip(), {})
    return tokens_of(reading.json_value(raw, "answer"), raw, FORMAT)


def tokens_of(answer: Any, raw: bytes, name: str) -> Tokens:
    """The overall token and one for each device. The SDK wraps them in a token of its own, which proves nothing."""
    overall, rest = _split(answer)
    nested = rest.get(_NESTED)
    if nested is None:
        return Tokens(name, raw, overall, _devices(rest))
    inner, devices = _split(nested)
    return Tokens(name, raw, inner, _devices(devices), wrapper=overall)


def _split(answer: Any) -> tuple[str, dict[str, Any]]:
    if not recognises(answer) or len(answer) != 2 or not isinstance(answer[1], dict):
        raise reading.malformed('expected [["JWT", token], {device: token}]')
    return str(answer[0][1]), answer[1]


def _is_pair(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2 or value[0] != "JWT":
        return False
    return isinstance(value[1], str) and _JWT.fullmatch(value[1]) is not None


def _devices(rest: dict[str, Any]) -> dict[str, str]:
    if len(rest) > _MAX_TOKENS:
        raise reading.malformed(f"{len(rest)} device tokens, more than {_MAX_TOKENS}")
    wrong = [name for name, token in rest.items() if not isinstance(token, str) or not _JWT.fullmatch(token)]
    if wrong:
        raise reading.malformed(f"{wrong[0]!r}: expected a token")
    return dict(rest)
