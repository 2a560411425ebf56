"""The dstack event log (version 1) of a test TD, which goes on where the firmware's ends, and what it replays to."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from mockserver.tee.ccel import Record

RUNTIME_EVENT = 0x08000001


def told_by(firmware: list[Record]) -> list[dict[str, Any]]:
    """Firmware and kernel events as dstack repeats them: the digest is all that a verifier gets to see."""
    return [
        {"imr": one.register, "event_type": one.kind, "digest": one.digest.hex(), "event": "", "event_payload": ""}
        for one in firmware
    ]


def runtime_log(compose_hash: bytes, app_id: bytes, instance_id: bytes, os_image: bytes) -> list[dict[str, Any]]:
    """The events a dstack guest extends into RTMR3 between boot and the start of the workload."""
    key_provider = b'{"name":"kms","id":"assay-test-kms"}'
    events = (
        ("system-preparing", b""),
        ("app-id", app_id),
        ("compose-hash", compose_hash),
        ("instance-id", instance_id),
        ("boot-mr-done", b""),
        ("mr-kms", hashlib.sha256(b"assay test kms").digest()),
        ("os-image-hash", os_image),
        ("key-provider", key_provider),
        ("system-ready", b""),
    )
    return [runtime_event(name, payload) for name, payload in events]


def runtime_event(name: str, payload: bytes) -> dict[str, Any]:
    digest = hashlib.sha384(struct.pack("<I", RUNTIME_EVENT) + b":" + name.encode() + b":" + payload)
    return {
        "imr": 3,
        "event_type": RUNTIME_EVENT,
        "digest": digest.hexdigest(),
        "event": name,
        "event_payload": payload.hex(),
    }


def extend(events: list[dict[str, Any]]) -> tuple[bytes, ...]:
    """RTMR0 to RTMR3 after every event, each starting from 48 zero bytes."""
    registers = [bytes(48)] * 4
    for event in events:
        index = event["imr"]
        registers[index] = hashlib.sha384(registers[index] + bytes.fromhex(event["digest"])).digest()
    return tuple(registers)
