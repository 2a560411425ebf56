"""JSON as the mock writes and reads it: compact, Decimals as numbers, strict UTF-8, no surrogates."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def encode(value: Any) -> bytes:
    return _ENCODER.encode(value)


def number(amount: Decimal, places: int) -> msgspec.Raw:
    """A JSON number in plain notation with that many places: Decimals print as 0E-9 when they are small."""
    return msgspec.Raw(f"{amount:.{places}f}".encode())


def put(document: dict[str, Any], pointer: str, value: Any) -> None:
    """Set what a JSON pointer of plain member names leads to; objects on the way are made."""
    *above, last = pointer.strip("/").split("/")
    for step in above:
        document = document.setdefault(step, {})
    document[last] = value


def decode(raw: bytes) -> Any:
    """Raises ValueError for anything that is not JSON, RecursionError when nested beyond the interpreter."""
    return _DECODER.decode(raw)


def depth(raw: bytes, value: Any, cap: int) -> int:
    """Nesting of a decoded value, level by level; a text with few brackets is not looked into."""
    if raw.count(b"{") + raw.count(b"[") <= cap:
        return 0
    level, deep = [value], 0
    while level and deep <= cap:
        containers = [node for node in level if isinstance(node, (dict, list))]
        level = [child for node in containers for child in (node.values() if isinstance(node, dict) else node)]
        deep += bool(containers)
    return deep
