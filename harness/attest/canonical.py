"""Writes JSON in its one canonical form (RFC 8785). Refuses fractions and numbers that a double cannot hold."""

from __future__ import annotations

import json
from typing import Any

from harness.attest.verdict import Code, Rejected

_LARGEST = 2**53 - 1


def canonical(value: Any) -> bytes:
    """Raises Rejected(evidence.malformed) for a value of which two writers could give different bytes."""
    try:
        return _text(value).encode("utf-8")
    except (UnicodeEncodeError, RecursionError) as error:
        raise Rejected(Code.EVIDENCE_MALFORMED, f"no canonical form: {type(error).__name__}") from error


def _text(value: Any) -> str:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_text(name)}:{_text(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > _LARGEST):
        raise Rejected(Code.EVIDENCE_MALFORMED, f"{value!r} has no canonical form that all writers share")
    return json.dumps(value, ensure_ascii=False)
