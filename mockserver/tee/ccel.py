"""The log a TD's firmware keeps of its boot: TCG2 crypto-agile records, SHA-384 only, as the CCEL table points at.

The machine is made up; the records have the form and the order that TDVF and the kernel's EFI stub give them.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from dataclasses import dataclass

SHA384 = 0x0C
_NO_ACTION, _SEPARATOR, _EVENT_TAG = 0x03, 0x04, 0x06
_VARIABLE, _APPLICATION, _GPT, _ACTION = 0x80000001, 0x80000003, 0x80000006, 0x80000007
_BLOB2, _TABLES2 = 0x8000000A, 0x8000000B
_GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")  # EFI_GLOBAL_VARIABLE
_IMAGES = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")  # EFI_IMAGE_SECURITY_DATABASE
_LOAD_OPTIONS, _INITRD = 0x8F3B22ED, 0x8F3B22EC  # tags of the kernel's EFI stub
_COMMAND_LINE = "console=hvc0 root=/dev/vda ro dm-mod.create=test"
_PADDING = 64  # the real area is 64 KiB, filled with ones


@dataclass(frozen=True)
class Record:
    """`register` is the RTMR; `digest` is what extends it, `data` what the log says about it."""

    register: int
    kind: int
    digest: bytes
    data: bytes


def boot_records() -> list[Record]:
    """What happens before the first program of the guest: firmware, Secure Boot, loader, kernel, command line."""
    variables = [("SecureBoot", _GLOBAL, b"\0"), ("PK", _GLOBAL, b""), ("KEK", _GLOBAL, b"")]
    variables += [("db", _IMAGES, b""), ("dbx", _IMAGES, b"")]
    return [
        _of_blob(0, _TABLES2, "TD hand-off block", _described(b"TD_HOB")),
        _of_blob(0, _BLOB2, "configuration volume", _described(b"TD CFV")),
        *(_of_data(0, _VARIABLE, _variable(*each)) for each in variables),
        _of_data(0, _SEPARATOR, bytes(4)),
        _of_data(1, _ACTION, b"Calling EFI Application from Boot Option"),
        _of_data(1, _SEPARATOR, bytes(4)),
        _of_data(1, _GPT, _partitions()),
        _of_blob(1, _APPLICATION, "kernel", _loaded()),
        _of_data(1, _ACTION, b"Exit Boot Services Invocation"),
        _of_data(1, _ACTION, b"Exit Boot Services Returned with Success"),
        _of_tag(2, _LOAD_OPTIONS, "LOADED_IMAGE::LoadOptions", _COMMAND_LINE.encode("utf-16-le") + bytes(2)),
        _of_tag(2, _INITRD, "Linux initrd", b"assay test initrd"),
    ]


def with_secure_boot(records: list[Record]) -> list[Record]:
    """The same boot as a machine would tell it whose firmware checks what it loads."""
    on = _of_data(0, _VARIABLE, _variable("SecureBoot", _GLOBAL, b"\x01"))
    off = _of_data(0, _VARIABLE, _variable("SecureBoot", _GLOBAL, b"\0"))
    return [on if record == off else record for record in records]


def encode(records: list[Record]) -> bytes:
    """The log, with a start of the filling behind it."""
    return _declaration() + b"".join(map(_record, records)) + b"\xff" * _PADDING


def _declaration() -> bytes:
    """The one record in the older form: which algorithms the others use."""
    algorithms = struct.pack("<IHH", 1, SHA384, 48)
    header = b"Spec ID Event03\0" + struct.pack("<IBBBB", 0, 0, 2, 0, 2) + algorithms + b"\0"
    return struct.pack("<II20sI", 1, _NO_ACTION, bytes(20), len(header)) + header


def _record(record: Record) -> bytes:
    """Index 0 is MRTD, so RTMR0 has index 1."""
    head = struct.pack("<IIIH", record.register + 1, record.kind, 1, SHA384)
    return head + record.digest + struct.pack("<I", len(record.data)) + record.data


def _of_data(register: int, kind: int, data: bytes) -> Record:
    return Record(register, kind, hashlib.sha384(data).digest(), data)


def _of_blob(register: int, kind: int, blob: str, data: bytes) -> Record:
    """The digest is of something large that the log only describes."""
    return Record(register, kind, hashlib.sha384(f"assay test {blob}".encode()).digest(), data)


def _of_tag(register: int, tag: int, name: str, measured: bytes) -> Record:
    text = name.encode() + b"\0"
    return Record(register, _EVENT_TAG, hashlib.sha384(measured).digest(), struct.pack("<II", tag, len(text)) + text)


def _variable(name: str, owner: uuid.UUID, value: bytes) -> bytes:
    """UEFI_VARIABLE_DATA."""
    return owner.bytes_le + struct.pack("<QQ", len(name), len(value)) + name.encode("utf-16-le") + value


def _described(text: bytes) -> bytes:
    """A description with its length, then where it lies: one address and one size."""
    return struct.pack("<B", len(text)) + text + struct.pack("<QQ", 0x809000, 0x2000)


def _partitions() -> bytes:
    """UEFI_GPT_DATA: the header of the table, and no partition."""
    disk = uuid.uuid5(_GLOBAL, "assay test disk").bytes_le
    header = b"EFI PART" + struct.pack("<IIII", 0x10000, 92, 0, 0) + struct.pack("<QQQQ", 1, 0xFFFF, 34, 0xFFDE)
    return header + disk + struct.pack("<QIII", 2, 128, 128, 0) + struct.pack("<Q", 0)


def _loaded() -> bytes:
    """UEFI_IMAGE_LOAD_EVENT without a device path."""
    return struct.pack("<QQQQ", 0x7C000000, 0xA00000, 0, 0)
