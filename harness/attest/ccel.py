"""Replays a CCEL, the TCG crypto-agile event log of a TDX guest's firmware, into RTMR0 to RTMR3.

Replay proves digests only: what an event says is believed where its digest is the hash of its data, and nowhere else.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from harness.attest.eventlog import MAX_EVENTS, Replay
from harness.attest.verdict import Code, Problem, Rejected

MAX_LOG_BYTES = 2 * 1024 * 1024
NO_ACTION = 3
SHA384 = 0x0C
_SIGNATURE = b"Spec ID Event03\0"
_DIGEST_SIZES = {0x04: 20, 0x0B: 32, SHA384: 48, 0x0D: 64}  # algorithm -> bytes
# separator, EFI variable (driver config), GPT, EFI action, EFI variable authority: the digest is of the data
_HASHED_AS_LOGGED = frozenset({0x00000004, 0x80000001, 0x80000006, 0x80000007, 0x800000E0})


@dataclass(frozen=True)
class Event:
    register: int  # 0 to 3: RTMR; -1: MRTD, which no event extends
    kind: int
    digest: bytes  # SHA-384; empty where the event extends nothing
    data: bytes

    @property
    def data_is_measured(self) -> bool:
        """Whether the digest is the hash of exactly these bytes."""
        return hashlib.sha384(self.data).digest() == self.digest


def replay_ccel(raw: bytes) -> Replay:
    """Never raises: a log that cannot be read replays to nothing. It names no event, because nothing proves a name."""
    registers, problems = [bytes(48)] * 4, list[Problem]()
    try:
        events = read_ccel(raw)
    except Rejected as rejected:
        return Replay((bytes(48),) * 4, {}, (rejected.problem,))
    for n, event in enumerate(events):
        if event.kind == NO_ACTION or event.register < 0:
            continue
        registers[event.register] = hashlib.sha384(registers[event.register] + event.digest).digest()
        if event.kind in _HASHED_AS_LOGGED and not event.data_is_measured:
            reason = f"event {n} of type 0x{event.kind:x}: digest is not of its data"
            problems.append(Problem(Code.EVENTLOG_DIGEST_MISMATCH, reason))
    return Replay(tuple(registers), {}, tuple(problems))


def read_ccel(raw: bytes) -> list[Event]:
    """Every event after the first, which only declares algorithms. Raises Rejected(eventlog.malformed)."""
    if len(raw) > MAX_LOG_BYTES:
        raise _malformed(f"{len(raw)} bytes, more than {MAX_LOG_BYTES}")
    cursor = _Cursor(raw)
    algorithms = _declared(cursor)
    events = []
    for event in _events(cursor, algorithms):
        events.append(event)
        if len(events) > MAX_EVENTS:
            raise _malformed(f"more than {MAX_EVENTS} events")
    if not events:
        raise _malformed("no events")
    return events


def _declared(cursor: _Cursor) -> dict[int, int]:
    """The first record is in the old form and lists the algorithms of all others."""
    register, kind = cursor.u32(), cursor.u32()
    cursor.take(20)
    header = _Cursor(cursor.take(cursor.u32()))
    if (register, kind) != (1, NO_ACTION) and (register, kind) != (0, NO_ACTION):
        raise _malformed(f"first record: index {register}, type {kind}, expected an EV_NO_ACTION")
    if header.take(16) != _SIGNATURE:
        raise _malformed("first record: not a Spec ID Event03")
    header.take(8)  # platform class, version, errata, size of a native integer
    count = header.u32()
    if not 1 <= count <= len(_DIGEST_SIZES):
        raise _malformed(f"{count} algorithms declared")
    algorithms = {header.u16(): header.u16() for _ in range(count)}
    header.take(header.take(1)[0])
    wrong = [kind for kind, size in algorithms.items() if _DIGEST_SIZES.get(kind) != size]
    if header.left or len(algorithms) != count or wrong or SHA384 not in algorithms:
        raise _malformed(f"algorithms declared: {algorithms}; expected SHA-384 among known ones")
    return algorithms


def _events(cursor: _Cursor, algorithms: dict[int, int]) -> Iterator[Event]:
    while cursor.left:
        if cursor.is_padding():
            return
        register, kind, count = cursor.u32(), cursor.u32(), cursor.u32()
        if not 0 <= register <= 4:
            raise _malformed(f"measurement register {register}, expected 0 to 4")
        if count != len(algorithms):
            raise _malformed(f"{count} digests, {len(algorithms)} algorithms are declared")
        digests = dict(_digest(cursor, algorithms) for _ in range(count))
        if SHA384 not in digests:
            raise _malformed("an event without a SHA-384 digest")
        yield Event(register - 1, kind, digests[SHA384], cursor.take(cursor.u32()))


def _digest(cursor: _Cursor, algorithms: dict[int, int]) -> tuple[int, bytes]:
    algorithm = cursor.u16()
    if algorithm not in algorithms:
        raise _malformed(f"algorithm 0x{algorithm:x} is not declared")
    return algorithm, cursor.take(algorithms[algorithm])


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise _malformed(f"needs {size} bytes at {self._at}, {self.left} are left")
        self._at += size
        return self._data[self._at - size : self._at]

    def u16(self) -> int:
        return int(struct.unpack("<H", self.take(2))[0])

    def u32(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def is_padding(self) -> bool:
        """Firmware fills its log area with ones; some tools cut the file there or fill it with zeros."""
        rest = self._data[self._at :]
        return not rest.strip(b"\xff") or not rest.strip(b"\0")


def _malformed(reason: str) -> Rejected:
    return Rejected(Code.EVENTLOG_MALFORMED, f"CCEL: {reason}")
