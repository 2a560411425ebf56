"""Replays a dstack event log (versions 1 and 2) and recomputes the digest of every event that carries its payload.

A log whose digests are taken on trust replays even when its payloads are forged; here they are not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.attest.canonical import canonical
from harness.attest.verdict import Code, Problem

MAX_EVENTS = 10_000
RUNTIME_EVENT = 0x08000001
APPLICATION_REGISTER = 3
_LAST_SYSTEM_EVENT = "system-ready"
SYSTEM_NAMES = frozenset(
    {
        "system-preparing",
        "app-id",
        "compose-hash",
        "instance-id",
        "boot-mr-done",
        "mr-kms",
        "os-image-hash",
        "key-provider",
        "storage-fs",
        "system-ready",
    }
)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_DIGEST = re.compile(r"[0-9a-fA-F]{96}")
_VERSIONS = {None: 1, "v1": 1, 1: 1, "v2": 2, 2: 2}


@dataclass(frozen=True)
class Replay:
    registers: tuple[bytes, ...]  # RTMR0 to RTMR3
    named: Mapping[str, bytes]  # system events, up to system-ready: name -> payload
    problems: tuple[Problem, ...]

    def against(self, quoted: Sequence[bytes]) -> list[Problem]:
        """The quote's RTMRs, in order."""
        differing = [n for n, (ours, theirs) in enumerate(zip(self.registers, quoted, strict=True)) if ours != theirs]
        if not differing:
            return []
        names = ", ".join(f"RTMR{n}" for n in differing)
        return [Problem(Code.EVENTLOG_REPLAY_MISMATCH, f"the log does not replay to the quote's {names}")]


def replay(events: Sequence[Any]) -> Replay:
    """Never raises: an event that cannot be read is a problem and is left out of the replay."""
    if not events or len(events) > MAX_EVENTS:
        problem = Problem(Code.EVENTLOG_MALFORMED, f"{len(events)} events, expected 1 to {MAX_EVENTS}")
        return Replay((bytes(48),) * 4, {}, (problem,))
    registers, named, problems = [bytes(48)] * 4, dict[str, bytes](), list[Problem]()
    for n, event in enumerate(events):
        shape = _shape_problem(event)
        if shape:
            problems.append(Problem(Code.EVENTLOG_MALFORMED, f"event {n}: {shape}"))
            continue
        problems += _content_problems(n, event, named)
        register = event["imr"]
        registers[register] = hashlib.sha384(registers[register] + _extended(event)).digest()
        _remember(event, named)
    return Replay(tuple(registers), named, tuple(problems))


def _shape_problem(event: Any) -> str | None:
    if not isinstance(event, dict):
        return "expected an object"
    register, kind = event.get("imr"), event.get("event_type")
    if type(register) is not int or not 0 <= register <= 3:
        return f"imr: expected 0 to 3, got {register!r}"
    if type(kind) is not int or not 0 <= kind < 2**32:
        return f"event_type: expected an unsigned 32-bit number, got {kind!r}"
    digest = event.get("digest")
    if not _matches(_DIGEST, digest) and not (kind == RUNTIME_EVENT and digest in (None, "")):
        return "digest: expected 48 bytes in hex"
    if not isinstance(event.get("event", ""), str) or not _matches(_HEX, event.get("event_payload", "")):
        return "event and event_payload: expected a name, and bytes in hex"
    version = event.get("version")
    if isinstance(version, bool) or not isinstance(version, int | str | None) or version not in _VERSIONS:
        return f"version: expected v1 or v2, got {version!r}"
    if _VERSIONS[version] == 2 and any("\ud800" <= character <= "\udfff" for character in event.get("event", "")):
        return "event: half a character has no canonical form"
    return None


def _content_problems(n: int, event: Mapping[str, Any], named: Mapping[str, bytes]) -> list[Problem]:
    name, runtime = event.get("event", ""), event["event_type"] == RUNTIME_EVENT
    if runtime != (event["imr"] == APPLICATION_REGISTER):
        reason = f"event {n}: type 0x{event['event_type']:x} does not belong into RTMR{event['imr']}"
        return [Problem(Code.EVENTLOG_NAME_MISUSED, reason)]
    if not runtime:
        misused = name in SYSTEM_NAMES
        reason = f"event {n}: {name!r} on an event whose payload nothing proves"
        return [Problem(Code.EVENTLOG_NAME_MISUSED, reason)] if misused else []
    problems = []
    measured = _measured(event)
    if _extended(event) != hashlib.sha384(measured).digest():
        problems.append(Problem(Code.EVENTLOG_DIGEST_MISMATCH, f"event {n}: {name!r}: digest is not of its payload"))
    if event.get("preimage") not in (None, "") and event["preimage"] != measured.hex():
        reason = f"event {n}: {name!r}: preimage is not the canonical form of the event"
        problems.append(Problem(Code.EVENTLOG_DIGEST_MISMATCH, reason))
    return [*problems, *_name_problems(n, event, named)]


def _name_problems(n: int, event: Mapping[str, Any], named: Mapping[str, bytes]) -> list[Problem]:
    """Until system-ready a name stands for one fact. Version 1 hashes name:payload, so a colon in the name is a seam
    that a forger may move."""
    name = event.get("event", "")
    if _LAST_SYSTEM_EVENT in named:
        return []
    problems = []
    if name in named:
        problems.append(Problem(Code.EVENTLOG_NAME_MISUSED, f"event {n}: {name!r} occurs twice before system-ready"))
    if ":" in name and _version(event) == 1:
        problems.append(Problem(Code.EVENTLOG_NAME_MISUSED, f"event {n}: {name!r}: name and payload cannot be told"))
    return problems


def _remember(event: Mapping[str, Any], named: dict[str, bytes]) -> None:
    """Applications may extend any name after system-ready, so nothing later counts."""
    if event["imr"] == APPLICATION_REGISTER and _LAST_SYSTEM_EVENT not in named:
        named.setdefault(event.get("event", ""), bytes.fromhex(event.get("event_payload", "")))


def _extended(event: Mapping[str, Any]) -> bytes:
    """What went into the register. Newer guests leave the digest of a runtime event out: it follows from the rest."""
    if event.get("digest"):
        return bytes.fromhex(event["digest"])
    return hashlib.sha384(_measured(event)).digest()


def _measured(event: Mapping[str, Any]) -> bytes:
    """The bytes whose SHA-384 a runtime event extends."""
    name = str(event.get("event", ""))
    payload = bytes.fromhex(event.get("event_payload", ""))
    if _version(event) == 1:
        kind = RUNTIME_EVENT.to_bytes(4, "little")
        return kind + b":" + name.encode("utf-8", "surrogatepass") + b":" + payload
    return canonical({"name": name, "payload": payload.hex(), "type": RUNTIME_EVENT})


def _version(event: Mapping[str, Any]) -> int:
    return _VERSIONS[event.get("version")]


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
