"""Reads Keylime-style measured boot reports: no quote, no nonce, no signature, so there is nothing to verify."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from harness.attest.adapters import reading
from harness.attest.boot import BootNode, BootReport

FORMAT = "keylime"
VERDICTS = ("pass", "fail", "unknown")
_MAX_NODES = 1024
_REGISTER = re.compile(r"(?:[Pp][Cc][Rr][-_]?)?([0-9]{1,2})")
_DIGEST_BYTES = (20, 32, 48, 64)


def recognises(document: Any) -> bool:
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), list):
        return False
    return "rack_id" in document or any(_is_node(node) for node in document["nodes"])


def _is_node(value: Any) -> bool:
    return isinstance(value, dict) and "measured_boot_verdict" in value


def parse(raw: bytes) -> BootReport:
    """Raises Rejected(evidence.malformed)."""
    document = reading.json_object(raw, "report")
    rack = document.get("rack_id", "")
    if not isinstance(rack, str):
        raise reading.malformed("rack_id: expected a string")
    nodes = reading.json_list(document.get("nodes"), "nodes", _MAX_NODES)
    return BootReport(FORMAT, raw, rack, tuple(_node(reading.json_object(node, "nodes")) for node in nodes))


def _node(node: Mapping[str, Any]) -> BootNode:
    host, verdict = node.get("hostname"), node.get("measured_boot_verdict")
    if not isinstance(host, str) or not host:
        raise reading.malformed("hostname: expected a name")
    if verdict not in VERDICTS:
        raise reading.malformed(f"measured_boot_verdict: expected one of {', '.join(VERDICTS)}, got {verdict!r}")
    return BootNode(host, _registers(node.get("tpm_pcr_values")), str(verdict), _moment(node.get("verified_at")))


def _registers(values: Any) -> dict[int, bytes]:
    """Keys such as 7, "7", "pcr7" or "PCR-07"."""
    registers, given = {}, reading.json_object(values, "tpm_pcr_values")
    for name in given:
        match = _REGISTER.fullmatch(name)
        if match is None or int(match[1]) > 23 or int(match[1]) in registers:
            raise reading.malformed(f"tpm_pcr_values: expected each of 0 to 23 at most once, got {name!r}")
        registers[int(match[1])] = _digest(given, name)
    return registers


def _digest(values: Mapping[str, Any], name: str) -> bytes:
    value = reading.hex_bytes(values, name)
    if len(value) not in _DIGEST_BYTES:
        raise reading.malformed(f"tpm_pcr_values: {name}: {len(value)} bytes are no digest")
    return value


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise reading.malformed(f"verified_at: expected an ISO 8601 moment, got {value!r}") from error
    if moment.tzinfo is None:
        raise reading.malformed(f"verified_at: {value!r} has no time zone")
    return moment
