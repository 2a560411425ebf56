"""Reads members of evidence documents with one strict decoder for each encoding; the rest is `evidence.malformed`."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.attest.evidence import MAX_DOCUMENT_BYTES, GpuDevice
from harness.attest.verdict import Code, Rejected

MAX_DEVICES = 64
MAX_DEPTH = 64
_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]*)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_CONTAINERS = (dict, list)
_SPACE = re.compile(r"[ \t\r\n]*")


def json_value(text: bytes | str, where: str) -> Any:
    """UTF-8 without a mark, no key twice, no constants that JSON does not have, at most MAX_DOCUMENT_BYTES."""
    if len(text) > MAX_DOCUMENT_BYTES:
        raise malformed(f"{where}: more than {MAX_DOCUMENT_BYTES} bytes")
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value = json.loads(decoded, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise malformed(f"{where}: {error}") from error
    if not _is_shallow(value):
        raise malformed(f"{where}: nested deeper than {MAX_DEPTH}")
    return value


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level for inner in _inside(each) if isinstance(inner, _CONTAINERS)]
        if not level:
            return True
    return False


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def json_object(value: Any, where: str) -> dict[str, Any]:
    """An object, also when it comes as text or bytes of JSON."""
    document = json_value(value, where) if isinstance(value, bytes | str) else value
    if not isinstance(document, dict):
        raise malformed(f"{where}: expected an object")
    return dict(document)


def json_list(value: Any, where: str, longest: int) -> list[Any]:
    """A list, also when it comes as text of JSON; None is no element."""
    items = json_value(value, where) if isinstance(value, str) else value
    if items is None:
        return []
    if not isinstance(items, list) or len(items) > longest:
        raise malformed(f"{where}: expected a list of at most {longest}")
    return items


def raw_members(raw: bytes, where: str) -> dict[str, bytes]:
    """The bytes of each member's value exactly as they came, for formats that hash them."""
    json_object(raw, where)  # after this the text is known to be one object, with no key twice
    text, decoder, members = raw.decode(), json.JSONDecoder(), dict[str, bytes]()
    at = _past_space(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        start = _past_space(text, _past_space(text, at) + 1)  # behind the colon
        end = decoder.raw_decode(text, start)[1]
        members[name] = text[start:end].encode()
        at = _past_space(text, end)
        at = _past_space(text, at + 1) if text[at] == "," else at
    return members


def hex_bytes(document: Mapping[str, Any], name: str) -> bytes:
    value = document.get(name)
    match = _HEX.fullmatch(value) if isinstance(value, str) else None
    if match is None or len(match[1]) % 2:
        raise malformed(f"{name}: expected hex")
    return bytes.fromhex(match[1])


def optional_hex(document: Mapping[str, Any], name: str) -> bytes | None:
    return None if document.get(name) is None else hex_bytes(document, name)


def hex_if_given(document: Mapping[str, Any], *names: str) -> tuple[bytes, ...]:
    return tuple(hex_bytes(document, name) for name in names if document.get(name) is not None)


def base64_bytes(document: Mapping[str, Any], name: str) -> bytes:
    """The standard alphabet, with or without padding, and no bits left over: one text for one value."""
    value = document.get(name)
    if not isinstance(value, str) or not _BASE64.fullmatch(value):
        raise malformed(f"{name}: expected base64")
    bare = value.rstrip("=")
    try:
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error as error:
        raise malformed(f"{name}: {error}") from error
    if base64.b64encode(data).decode().rstrip("=") != bare:
        raise malformed(f"{name}: base64 with bits left over")
    return data


def text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise malformed(f"{name}: expected a string, because its exact bytes are hashed")
    return value


def devices(items: Any, where: str) -> tuple[GpuDevice, ...]:
    """An evidence_list: each device's report and chain, both in base64."""
    return tuple(_device(json_object(item, where)) for item in json_list(items, where, MAX_DEVICES))


def _device(item: Mapping[str, Any]) -> GpuDevice:
    arch = item.get("arch", "")
    if not isinstance(arch, str):
        raise malformed("arch: expected a string")
    return GpuDevice(base64_bytes(item, "evidence"), base64_bytes(item, "certificate"), arch)


def malformed(reason: str) -> Rejected:
    return Rejected(Code.EVIDENCE_MALFORMED, reason)


def _past_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A repeated key is read differently by different parsers; here it is an error."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return document


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
