"""Reads a quote that comes alone: binary, hex or base64. Its report data is taken to be the challenge itself."""

from __future__ import annotations

from harness.attest.adapters import reading
from harness.attest.evidence import Evidence
from harness.attest.scheme import scheme
from harness.attest.verdict import Rejected

FORMAT = "quote"
_VERSIONS = frozenset({3, 4, 5})
_ENOUGH = 432  # header and the smaller of the bodies, in bytes


def recognises(raw: bytes) -> bool:
    """Whether these bytes are a quote or a text that stands for one."""
    return _is_quote(raw) or any(_is_quote(decoded) for decoded in _decoded(raw))


def parse(raw: bytes) -> tuple[Evidence, ...]:
    """Raises Rejected(evidence.malformed)."""
    quote = next((bytes_ for bytes_ in (raw, *_decoded(raw)) if _is_quote(bytes_)), None)
    if quote is None:
        raise reading.malformed("expected a quote of version 3, 4 or 5, binary, in hex or in base64")
    return (Evidence(format=FORMAT, raw=raw, quote=quote, scheme=scheme("nonce"), fields={}, has_log=False),)


def _is_quote(data: bytes) -> bool:
    return len(data) >= _ENOUGH and int.from_bytes(data[:2], "little") in _VERSIONS


def _decoded(raw: bytes) -> list[bytes]:
    try:
        text = {"quote": "".join(raw.decode("ascii").split())}
    except UnicodeDecodeError:
        return []
    found = []
    for decoder in (reading.hex_bytes, reading.base64_bytes):
        try:
            found.append(decoder(text, "quote"))
        except Rejected:
            continue
    return found
