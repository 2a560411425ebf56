"""Who the device is, from its certificates: family, the PDI in the identity key's serial, the firmware id."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from harness.attest.gpu.chain import UNREADABLE
from harness.attest.gpu.report import Field, SpdmReport
from harness.attest.verdict import Code, Problem, Rejected

HOPPER, BLACKWELL, SWITCH = "HOPPER", "BLACKWELL", "LS10"
_FAMILIES = {HOPPER: ("GH100 ",), BLACKWELL: ("GB100 ", "GB102 ", "GB110 "), SWITCH: ("LS_10 ",)}
_PREFIXES = {HOPPER: 0x41, BLACKWELL: 0x41, SWITCH: 0x50}
_FWID_ALONE = x509.ObjectIdentifier("2.23.133.5.4.1")
_TCB_INFO = x509.ObjectIdentifier("2.23.133.5.4.1.1")
_SHA384 = bytes.fromhex("0609608648016503040202")
_SEQUENCE, _INTEGER, _OCTETS, _FWIDS, _FLAGS = 0x30, 0x02, 0x04, 0xA6, 0x87
_DEBUG = 1 << 28  # the fourth bit of a 32-bit string


@dataclass(frozen=True)
class Identity:
    pdi: bytes  # 8 bytes; names the device for life
    ueid: str  # serial of the leaf in decimal, as NVIDIA's tokens name the device
    model: str


def read(certificates: tuple[x509.Certificate, ...], arch: str) -> Identity:
    """Raises Rejected(`chain.family_mismatch`, `chain.ik_serial_format`)."""
    leaf, identity = certificates[0], certificates[1]
    names = [_common_name(certificate) for certificate in (leaf, identity)]
    if not all(name.startswith(_FAMILIES[arch]) for name in names):
        raise Rejected(Code.CHAIN_FAMILY_MISMATCH, f"certificates of {' and '.join(names)}, claimed to be {arch}")
    number = identity.serial_number
    if number >> 64 != _PREFIXES[arch]:
        raise Rejected(Code.CHAIN_IK_SERIAL_FORMAT, f"identity key serial {number:x} holds no PDI")
    return Identity((number & (1 << 64) - 1).to_bytes(8, "big"), str(leaf.serial_number), names[1])


def judge_firmware(
    certificates: tuple[x509.Certificate, ...], report: SpdmReport, arch: str, required: bool
) -> Iterator[Problem]:
    """The firmware id of the certificate must be the one the report gives. Switches report none."""
    reported = report.opaque.get(Field.FWID)
    if reported is None and arch != SWITCH and required:
        yield Problem(Code.REPORT_FWID_MISSING, "the report names no firmware id")
    try:
        certified = yield from _certified(certificates)
    except (*UNREADABLE, IndexError) as error:
        yield Problem(Code.CHAIN_FWID_MALFORMED, str(error))
        return
    if reported is not None and certified is not None and reported != certified:
        yield Problem(Code.CHAIN_FWID_MISMATCH, f"certificate {certified.hex()}, report {reported.hex()}")


def _certified(certificates: tuple[x509.Certificate, ...]) -> Generator[Problem, None, bytes | None]:
    """Returns the firmware id, or None where there is none."""
    found = {e.oid: e.value for e in certificates[0].extensions if isinstance(e.value, x509.UnrecognizedExtension)}
    if _FWID_ALONE in found:
        key, fwid = _device_id(found[_FWID_ALONE].value)
        issuer = certificates[1].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if key != issuer:
            yield Problem(Code.CHAIN_DEVICE_ID_MISMATCH, "the device id is not the identity key")
        return fwid
    if _TCB_INFO in found:
        fwid, debug = _tcb_info(found[_TCB_INFO].value)
        if debug:
            yield Problem(Code.CHAIN_DEBUG, "the firmware says that it runs in debug mode")
        return fwid
    yield Problem(Code.CHAIN_FWID_MISSING, "no DICE extension in the leaf")
    return None


def _device_id(der: bytes) -> tuple[bytes, bytes]:
    """Version, public key, firmware id. Raises ValueError."""
    parts = list(_elements(_only(der, _SEQUENCE)))
    if len(parts) != 3 or parts[0][:2] != (_INTEGER, b"\x01"):
        raise ValueError("the DICE extension is not version, key and firmware id")
    return parts[1][2], _fwid(parts[2])


def _tcb_info(der: bytes) -> tuple[bytes, bool]:
    """The first firmware id, and whether the debug flag is set. Raises ValueError."""
    parts = {tag: body for tag, body, _ in _elements(_only(der, _SEQUENCE))}
    fwids = list(_elements(parts.get(_FWIDS, b"")))
    flags = parts.get(_FLAGS, b"")
    if not fwids or len(flags) != 5:
        raise ValueError("the DICE extension has no firmware id or no flags")
    return _fwid(fwids[0]), bool(int.from_bytes(flags[1:], "big") & _DEBUG)


def _fwid(element: tuple[int, bytes, bytes]) -> bytes:
    parts = list(_elements(element[1]))
    if element[0] != _SEQUENCE or len(parts) != 2 or parts[0][2] != _SHA384:
        raise ValueError("the firmware id is not a SHA-384")
    if parts[1][0] != _OCTETS or len(parts[1][1]) != 48:
        raise ValueError("the firmware id has not 48 bytes")
    return parts[1][1]


def _only(der: bytes, tag: int) -> bytes:
    elements = list(_elements(der))
    if len(elements) != 1 or elements[0][0] != tag:
        raise ValueError(f"expected one element of tag 0x{tag:02x}")
    return elements[0][1]


def _elements(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, body and the whole of each DER element. Raises ValueError, IndexError."""
    at = 0
    while at < len(data):
        start, tag, size, at = at, data[at], data[at + 1], at + 2
        if size & 0x80:
            width = size & 0x7F
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + size > len(data):
            raise ValueError("an element runs past its end")
        at += size
        yield tag, data[at - size : at], data[start:at]


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""
