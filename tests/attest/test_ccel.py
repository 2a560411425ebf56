"""The firmware's log: a real machine's log replays to its quote, and each tampering of it is found."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.attest import Code
from harness.attest.ccel import read_ccel, replay_ccel
from harness.attest.layout import read
from tests.attest.test_vectors import FOLDER

SEPARATOR, ACTION, IPL, NO_ACTION = 4, 0x80000007, 0x0D, 3
MACHINE = FOLDER / "gcp-cos113-tdx-v4-uptodate-2025-02"
needs_vectors = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no vectors at {FOLDER}; set ASSAY_VECTORS")


def spec_id(signature: bytes = b"Spec ID Event03\0", algorithms: tuple[tuple[int, int], ...] = ((0x0C, 48),)) -> bytes:
    declared = b"".join(struct.pack("<HH", *each) for each in algorithms)
    header = signature + bytes(4) + bytes((0, 2, 0, 2)) + struct.pack("<I", len(algorithms)) + declared + b"\0"
    return struct.pack("<II20sI", 1, NO_ACTION, bytes(20), len(header)) + header


def event(register: int, kind: int, data: bytes, digest: bytes | None = None, algorithm: int = 0x0C) -> bytes:
    value = hashlib.sha384(data).digest() if digest is None else digest
    return struct.pack("<IIIH", register, kind, 1, algorithm) + value + struct.pack("<I", len(data)) + data


HONEST = spec_id() + event(1, SEPARATOR, bytes(4)) + event(2, IPL, b"grub_cmd: boot", b"\5" * 48) + b"\xff" * 64


def test_a_log_extends_the_register_below_its_index() -> None:
    replayed = replay_ccel(HONEST)
    first = hashlib.sha384(bytes(48) + hashlib.sha384(bytes(4)).digest()).digest()
    second = hashlib.sha384(bytes(48) + b"\5" * 48).digest()
    assert (replayed.problems, replayed.registers) == ((), (first, second, bytes(48), bytes(48)))


@pytest.mark.parametrize("padding", [b"", b"\xff" * 4, b"\xff" * 5000, bytes(64)])
def test_padding_ends_the_log(padding: bytes) -> None:
    assert replay_ccel(HONEST.rstrip(b"\xff") + padding) == replay_ccel(HONEST)


def test_events_that_extend_nothing_change_nothing() -> None:
    shown = event(1, NO_ACTION, b"forged", bytes(48)) + event(0, SEPARATOR, b"MRTD", bytes(48))
    assert replay_ccel(HONEST.rstrip(b"\xff") + shown).registers == replay_ccel(HONEST).registers


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff" * 100, id="padding only"),
        pytest.param(spec_id(), id="no event"),
        pytest.param(spec_id(b"Spec ID Event02\0") + event(1, SEPARATOR, b""), id="signature"),
        pytest.param(spec_id(algorithms=((0x0C, 32),)) + event(1, SEPARATOR, b""), id="size"),
        pytest.param(spec_id(algorithms=((0x0B, 32),)) + event(1, SEPARATOR, b"", bytes(32), 0x0B), id="no SHA-384"),
        pytest.param(spec_id(algorithms=((0x0C, 48),) * 2) + event(1, SEPARATOR, b""), id="declared twice"),
        pytest.param(spec_id() + event(1, SEPARATOR, b"", algorithm=0x0B), id="undeclared"),
        pytest.param(spec_id() + event(5, SEPARATOR, b""), id="register"),
        pytest.param(spec_id() + event(1, SEPARATOR, b"")[:-4] + b"\xff\xff\xff\x7f", id="overrun"),
        pytest.param(spec_id() + event(1, SEPARATOR, b"")[:-1], id="cut"),
        pytest.param(HONEST + b"\xff" * (2 << 20), id="large"),
    ],
)
def test_a_log_of_the_wrong_shape_is_malformed(raw: bytes) -> None:
    (problem,) = replay_ccel(raw).problems
    assert problem.code is Code.EVENTLOG_MALFORMED


def test_data_that_is_hashed_as_logged_cannot_be_exchanged() -> None:
    forged = spec_id() + event(1, ACTION, b"Exit Boot Services", hashlib.sha384(b"other").digest())
    assert [problem.code for problem in replay_ccel(forged).problems] == [Code.EVENTLOG_DIGEST_MISMATCH]


def test_data_of_other_events_is_marked_as_unproven() -> None:
    separator, command = read_ccel(HONEST)
    assert (separator.data_is_measured, command.data_is_measured) == (True, False)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, len(HONEST) - 1), st.binary(max_size=40))
def test_no_bytes_crash_the_reader(at: int, inserted: bytes) -> None:
    assert len(replay_ccel(HONEST[:at] + inserted).registers) == 4


@needs_vectors
def test_a_real_log_replays_to_its_quote() -> None:
    replayed = replay_ccel(log())
    assert (replayed.problems, replayed.against(quoted()), len(read_ccel(log()))) == ((), [], 43)


@needs_vectors
@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(lambda raw: flip(raw, 65 + 20), Code.EVENTLOG_REPLAY_MISMATCH, id="K04 digest bit"),
        pytest.param(
            lambda raw: raw.replace(struct.pack("<II", 1, SEPARATOR), struct.pack("<II", 5, SEPARATOR), 1),
            Code.EVENTLOG_MALFORMED,
            id="K08 register 5",
        ),
        pytest.param(
            lambda raw: raw[:65] + struct.pack("<II", 1, NO_ACTION) + raw[73:],
            Code.EVENTLOG_REPLAY_MISMATCH,
            id="K10 type set to no action",
        ),
        pytest.param(lambda raw: raw[:-24], Code.EVENTLOG_MALFORMED, id="cut"),
        pytest.param(lambda raw: raw + event(4, IPL, b"late"), Code.EVENTLOG_REPLAY_MISMATCH, id="event added"),
        pytest.param(
            lambda raw: raw.replace(b"S\0e\0c\0u\0r\0e\0B\0o\0o\0t\0", b"I\0n\0s\0e\0c\0u\0r\0e\0B\0o\0", 1),
            Code.EVENTLOG_DIGEST_MISMATCH,
            id="K05 variable renamed under its digest",
        ),
    ],
)
def test_tampering_of_a_real_log_is_found(change: Callable[[bytes], bytes], code: Code) -> None:
    forged = change(log().rstrip(b"\xff"))
    assert forged != log().rstrip(b"\xff")
    replayed = replay_ccel(forged)
    assert code in {problem.code for problem in (*replayed.problems, *replayed.against(quoted()))}


@needs_vectors
@pytest.mark.parametrize("path", sorted((FOLDER / "ccel-extra").glob("*.bin.gz")), ids=lambda path: path.name)
def test_other_real_logs_are_read_and_belong_to_other_machines(path: Path) -> None:
    replayed = replay_ccel(gzip.decompress(path.read_bytes()))
    assert replayed.problems == ()
    assert replayed.against(quoted())


def flip(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


def log() -> bytes:
    return gzip.decompress((MACHINE / "ccel_data.bin.gz").read_bytes())


def quoted() -> list[bytes]:
    body = read((MACHINE / "quote.bin").read_bytes()).body
    return [body[f"rt_mr{n}"] for n in range(4)]
