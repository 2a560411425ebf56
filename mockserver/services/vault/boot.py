"""What the firmware of a node measures while it boots, and the PCRs that this extends to: SHA-256 bank, TCG2 log.

The machine is made up; records, registers and their order are those of UEFI firmware that starts a unified kernel.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

SHA256 = 0x0B
_NO_ACTION, _SEPARATOR, _CRTM, _POST = 0x03, 0x04, 0x08, 0x01
_VARIABLE, _APPLICATION, _DRIVER, _GPT, _ACTION, _BLOB2 = (
    0x80000001,
    0x80000003,
    0x80000004,
    0x80000006,
    0x80000007,
    0x8000000A,
)
_IPL = 0x0D  # what the kernel's stub measures
_GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
_IMAGES = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
REGISTERS = (0, 1, 2, 3, 4, 5, 6, 7, 11, 12)
_ROMS = {"b200": "HGX B200 8-GPU", "b300": "HGX B300 8-GPU", "mi355x": "Instinct MI355X OAM"}


@dataclass(frozen=True, slots=True)
class Record:
    """`digest` extends the register, `data` is what the log says about it."""

    register: int
    kind: int
    digest: bytes
    data: bytes


def boot(gpu_type: str, template: str) -> list[Record]:
    """The boot of a node. Nodes of one kind boot alike: names and serial numbers are measured nowhere."""
    firmware = f"Assay test firmware 2.4.1 for {template}"
    variables = (("SecureBoot", _GLOBAL, b"\x01"), ("PK", _GLOBAL, b"assay test PK"), ("KEK", _GLOBAL, b"assay KEK"))
    images = (("db", _IMAGES, b"assay test db"), ("dbx", _IMAGES, b"assay test dbx"))
    return [
        _of_data(0, _CRTM, firmware.encode("utf-16-le")),
        _of_blob(0, _BLOB2, firmware, "firmware volume"),
        _of_blob(1, _POST, f"microcode and ACPI tables of {template}", "platform configuration"),
        *(_of_blob(2, _DRIVER, f"option ROM of {_ROMS[gpu_type]} {n}", _ROMS[gpu_type]) for n in range(2)),
        _of_blob(2, _DRIVER, "option ROM of the network card", "ConnectX-8"),
        _of_data(3, _POST, b"no third-party configuration"),
        *(_of_data(7, _VARIABLE, _variable(*each)) for each in (*variables, *images)),
        *(_of_data(register, _SEPARATOR, bytes(4)) for register in range(8)),
        _of_data(4, _ACTION, b"Calling EFI Application from Boot Option"),
        _of_blob(4, _APPLICATION, "unified kernel image, Talos 1.11.5", "\\EFI\\Linux\\Talos.efi"),
        _of_blob(5, _GPT, "partition table: EFI, META, STATE, EPHEMERAL", "GPT"),
        *(_of_blob(11, _IPL, f"section {name} of the unified kernel", name) for name in _SECTIONS),
        _of_blob(12, _IPL, "talos.platform=metal console=ttyS0 lockdown=confidentiality", "kernel command line"),
        _of_data(5, _ACTION, b"Exit Boot Services Invocation"),
        _of_data(5, _ACTION, b"Exit Boot Services Returned with Success"),
    ]


_SECTIONS = (".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat")


def extended(records: Iterable[Record]) -> dict[str, str]:
    """The registers after the boot, in hexadecimal, by number."""
    banks = dict.fromkeys(REGISTERS, bytes(32))
    for record in records:
        banks[record.register] = hashlib.sha256(banks[record.register] + record.digest).digest()
    return {str(register): value.hex() for register, value in banks.items()}


def encoded(records: Iterable[Record]) -> bytes:
    """The log in the crypto-agile form of the TCG's PC Client profile."""
    algorithms = struct.pack("<IHH", 1, SHA256, 32)
    header = b"Spec ID Event03\0" + struct.pack("<IBBBB", 0, 0, 2, 0, 2) + algorithms + b"\0"
    head = struct.pack("<II20sI", 0, _NO_ACTION, bytes(20), len(header)) + header
    return head + b"".join(map(_record, records))


def _record(record: Record) -> bytes:
    head = struct.pack("<IIIH", record.register, record.kind, 1, SHA256)
    return head + record.digest + struct.pack("<I", len(record.data)) + record.data


def _of_data(register: int, kind: int, data: bytes) -> Record:
    return Record(register, kind, hashlib.sha256(data).digest(), data)


def _of_blob(register: int, kind: int, blob: str, data: str) -> Record:
    """The digest is of something large that the log only describes."""
    return Record(register, kind, hashlib.sha256(f"assay test: {blob}".encode()).digest(), data.encode())


def _variable(name: str, owner: uuid.UUID, value: bytes) -> bytes:
    """UEFI_VARIABLE_DATA."""
    return owner.bytes_le + struct.pack("<QQ", len(name), len(value)) + name.encode("utf-16-le") + value
