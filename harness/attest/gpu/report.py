"""Reads an SPDM GET_MEASUREMENTS transcript of a GPU or switch; refuses lengths that do not add up.

Driven by the lengths inside the report: the number and the size of blocks differ from one generation to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from harness.attest.verdict import Code, Problem, Rejected

MAX_REPORT_BYTES = 64 * 1024
_REQUEST = 37
_SIGNATURE = 96
_NONCE_AT, _NONCE = 4, 32
_SPDM_11, _GET_MEASUREMENTS, _MEASUREMENTS, _DMTF = 0x11, 0xE0, 0x60, 1
_MODES = {0: "SPT", 1: "MPT", 2: "PPCIE"}


class Field(IntEnum):
    """Types of the opaque data that are read here."""

    DRIVER_VERSION = 3
    VBIOS_VERSION = 6
    NVDEC0_STATUS = 11
    CHIP_SKU = 15
    PROJECT = 17
    PROJECT_SKU = 18
    FWID = 20
    PROTECTED_PCIE = 21
    SWITCH_PDIS = 22  # on a switch: its own PDI
    SWITCH_GPU_PDIS = 26
    CHIP_INFO = 35
    FEATURE_FLAG = 36


KNOWN_FIELDS = frozenset({*range(1, 27), *range(32, 37)})
_NVDEC0_DISABLED, _PPCIE_ON, _PPCIE_OFF = b"\x55", b"\xaa", b"\x55"


@dataclass(frozen=True)
class SpdmReport:
    nonce: bytes  # the requester's: what the verifier sent
    requested: tuple[int, int]  # Param1 and Param2 of the request
    measurements: Mapping[int, bytes]  # index as reference values count it: from 0
    opaque: Mapping[int, bytes]
    signed: bytes
    signature: bytes

    @property
    def driver(self) -> str:
        """Raises Rejected(report.opaque_malformed)."""
        return _text(self.opaque.get(Field.DRIVER_VERSION, b""))

    @property
    def vbios(self) -> str:
        """GPUs give eight reversed bytes, switches text. Raises Rejected(report.opaque_malformed)."""
        raw = self.opaque.get(Field.VBIOS_VERSION, b"")
        if len(raw) != 8:
            return _text(raw)
        digits = raw[::-1].hex().upper()
        text = digits[8:16] + digits[6:8]
        return ".".join(text[at : at + 2] for at in range(0, 10, 2))

    @property
    def mode(self) -> str | None:
        """SPT, MPT or PPCIE; older drivers give only the byte for protected PCIe."""
        flag = self.opaque.get(Field.FEATURE_FLAG)
        if flag is not None:
            return _MODES.get(int.from_bytes(flag, "little"), f"unknown {flag.hex()}")
        return {_PPCIE_ON: "PPCIE", _PPCIE_OFF: "SPT"}.get(self.opaque.get(Field.PROTECTED_PCIE, b""))

    @property
    def nvdec0_disabled(self) -> bool:
        return self.opaque.get(Field.NVDEC0_STATUS) == _NVDEC0_DISABLED

    @property
    def switch_pdis(self) -> frozenset[bytes]:
        """The switches a GPU is wired to; a GPU writes them little-endian."""
        return frozenset(pdi[::-1] for pdi in _pdis(self.opaque.get(Field.SWITCH_PDIS, b"")))

    @property
    def gpu_pdis(self) -> frozenset[bytes]:
        """The GPUs a switch is wired to: eight places, then a byte for each port."""
        return frozenset(_pdis(self.opaque.get(Field.SWITCH_GPU_PDIS, b"")[:64]))

    def text(self, field: Field) -> str:
        """Raises Rejected(report.opaque_malformed)."""
        return _text(self.opaque.get(field, b""))


def read(raw: bytes) -> SpdmReport:
    """Raises Rejected with a `report.*` code."""
    if len(raw) > MAX_REPORT_BYTES:
        raise Rejected(Code.REPORT_TRUNCATED, f"{len(raw)} bytes, more than {MAX_REPORT_BYTES}")
    cursor = _Cursor(raw)
    request, head = cursor.take(_REQUEST, "request"), cursor.take(5, "response header")
    _check_codes(request, head)
    record = cursor.take(int.from_bytes(cursor.take(3, "record length"), "little"), "measurement record")
    measurements = _measurements(record, head[4])
    cursor.take(_NONCE, "responder nonce")
    opaque = _opaque(cursor.take(int.from_bytes(cursor.take(2, "opaque length"), "little"), "opaque data"))
    signed = raw[: cursor.at]
    signature = cursor.take(_SIGNATURE, "signature")
    if cursor.at != len(raw):
        raise Rejected(Code.REPORT_TRAILING_BYTES, f"{len(raw) - cursor.at} bytes after the signature")
    return SpdmReport(request[_NONCE_AT:36], (request[2], request[3]), measurements, opaque, signed, signature)


def judge_request(report: SpdmReport, nonce: bytes) -> Iterator[Problem]:
    """What was asked of the device, and for whom."""
    if not report.requested[0] & 1:
        yield Problem(Code.REPORT_UNSIGNED_REQUEST, "the request does not ask for a signature")
    if report.requested[1] != 0xFF:
        yield Problem(Code.REPORT_PARTIAL_MEASUREMENTS, f"asks for measurement {report.requested[1]}, not for all")
    if report.nonce != nonce:
        yield Problem(Code.REPORT_NONCE_MISMATCH, f"made for {report.nonce.hex()}, sent {nonce.hex()}")
    unknown = sorted(set(report.opaque) - KNOWN_FIELDS)
    if unknown:
        yield Problem(Code.REPORT_OPAQUE_UNKNOWN, f"opaque fields of unknown type: {unknown}")


def judge_signature(report: SpdmReport, key: ec.EllipticCurvePublicKey) -> Iterator[Problem]:
    half = _SIGNATURE // 2
    r, s = (int.from_bytes(part, "big") for part in (report.signature[:half], report.signature[half:]))
    try:
        key.verify(encode_dss_signature(r, s), report.signed, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        yield Problem(Code.REPORT_SIGNATURE_INVALID, "not signed by the key of the leaf certificate")


def _check_codes(request: bytes, head: bytes) -> None:
    if request[0] != _SPDM_11 or head[0] != _SPDM_11:
        raise Rejected(Code.REPORT_SPDM_VERSION, f"SPDM 0x{request[0]:02x} asked, 0x{head[0]:02x} answered")
    if request[1] != _GET_MEASUREMENTS or head[1] != _MEASUREMENTS:
        raise Rejected(Code.REPORT_SPDM_CODE, f"request 0x{request[1]:02x}, response 0x{head[1]:02x}")


def _measurements(record: bytes, count: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    cursor = _Cursor(record, Code.REPORT_MEASUREMENT_RECORD)
    for _ in range(count):
        index, specification, size = cursor.byte(), cursor.byte(), cursor.u16()
        block = cursor.take(size, f"block {index}")
        if specification != _DMTF:
            raise Rejected(Code.REPORT_MEASUREMENT_SPEC, f"block {index}: specification {specification}, not DMTF")
        if size < 3 or int.from_bytes(block[1:3], "little") != size - 3:
            raise Rejected(Code.REPORT_MEASUREMENT_RECORD, f"block {index}: the size of its value does not fit")
        if index == 0 or index - 1 in found:
            raise Rejected(Code.REPORT_MEASUREMENT_DUPLICATE, f"block {index} is zero or given before")
        found[index - 1] = block[3:]
    if cursor.at != len(record):
        raise Rejected(Code.REPORT_MEASUREMENT_RECORD, f"{len(record) - cursor.at} bytes belong to no block")
    return found


def _opaque(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    cursor = _Cursor(data, Code.REPORT_OPAQUE_MALFORMED)
    while cursor.at < len(data):
        kind, size = cursor.u16(), cursor.u16()
        if kind in found:
            raise Rejected(Code.REPORT_OPAQUE_DUPLICATE, f"opaque field {kind} is given twice")
        found[kind] = cursor.take(size, f"opaque field {kind}")
    return found


def _pdis(data: bytes) -> Iterator[bytes]:
    places = (data[at : at + 8] for at in range(0, len(data), 8))
    return (place for place in places if any(place))


def _text(raw: bytes) -> str:
    """What stands before the first NUL, printable ASCII only."""
    text, _, padding = raw.partition(b"\0")
    if any(padding) or any(not 0x20 <= byte < 0x7F for byte in text):
        raise Rejected(Code.REPORT_OPAQUE_MALFORMED, f"not a version in plain text: {raw.hex()}")
    return text.decode()


class _Cursor:
    def __init__(self, data: bytes, code: Code = Code.REPORT_TRUNCATED) -> None:
        self._data, self._code, self.at = data, code, 0

    def take(self, size: int, what: str) -> bytes:
        piece = self._data[self.at : self.at + size]
        if len(piece) != size:
            raise Rejected(self._code, f"{what}: needs {size} bytes, {len(piece)} are left")
        self.at += size
        return piece

    def byte(self) -> int:
        return self.take(1, "a byte")[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2, "a length"), "little")
