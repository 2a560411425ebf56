"""A GPU or an NVSwitch that does not exist: it answers SPDM GET_MEASUREMENTS and shows its certificates.

What it says is data (`Device.opaque`, `Device.measurements`), so that a test changes one thing and signs again.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mockserver.tee.gpu import der
from mockserver.tee.gpu.pki import Authorities, Holder, Request, issue, sign_raw

OPAQUE_VERSION, TEST_DRIVER = 34, "570.172.08"
HOPPER, BLACKWELL, SWITCH = "HOPPER", "BLACKWELL", "LS10"
SPT, MPT, PPCIE = 0, 1, 2
_DEVICE_ID, _TCB_INFO = "2.23.133.5.4.1", "2.23.133.5.4.1.1"
_NVDEC0_ENABLED = b"\xaa"


@dataclass(frozen=True)
class Kind:
    arch: str
    chip: str
    common_name: str  # of the leaf and of the identity key, both with a suffix
    unit: str
    prefix: int  # first byte of the identity key's serial
    blocks: int
    vbios: str


KINDS = {
    HOPPER: Kind(HOPPER, "GH100", "GH100 A01", "GSP", 0x41, 64, "96.00.CF.00.02"),
    BLACKWELL: Kind(BLACKWELL, "GB100", "GB100 A01", "GSP", 0x41, 64, "97.00.D9.00.35"),
    SWITCH: Kind(SWITCH, "LS_10", "LS_10 A01", "FSP", 0x50, 31, "96.10.6D.00.01"),
}


@dataclass(frozen=True)
class Device:
    kind: Kind
    pdi: bytes
    chain: tuple[Holder, ...]  # leaf, identity key, provisioner, identity CA, root
    measurements: Mapping[int, bytes]
    opaque: tuple[tuple[int, bytes], ...]
    request: tuple[int, int] = field(default=(1, 0xFF))

    def report(self, nonce: bytes) -> bytes:
        """The transcript of request and response, signed by the leaf's key."""
        request = bytes((0x11, 0xE0, *self.request)) + nonce + b"\0"
        record = b"".join(_block(index + 1, value) for index, value in sorted(self.measurements.items()))
        head = bytes((0x11, 0x60, 0, 0, len(self.measurements))) + len(record).to_bytes(3, "little")
        own = hashlib.sha256(nonce + self.pdi).digest()
        data = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in self.opaque)
        return self.sign(request + head + record + own + struct.pack("<H", len(data)) + data)

    def sign(self, transcript: bytes) -> bytes:
        return transcript + sign_raw(self.chain[0].key, transcript)

    def pem(self) -> bytes:
        return b"".join(holder.pem() for holder in self.chain)

    def entry(self, nonce: bytes) -> dict[str, str]:
        """As evidence lists carry it."""
        return {
            "arch": self.kind.arch,
            "evidence": base64.b64encode(self.report(nonce)).decode(),
            "certificate": base64.b64encode(self.pem()).decode(),
        }

    @property
    def ueid(self) -> str:
        return str(self.chain[0].certificate.serial_number)


def build_gpu(
    authorities: Authorities, label: str, arch: str = HOPPER, mode: int = SPT, switches: tuple[bytes, ...] = ()
) -> Device:
    """`switches`: the PDIs this GPU is wired to."""
    kind, fwid = KINDS[arch], hashlib.sha384(f"assay test firmware {arch}".encode()).digest()
    pdi = derive_pdi(authorities.seed, label)
    fields = [
        (6, _vbios_bytes(kind.vbios)),
        (15, b"882\0\0\0\0\0\0"),
        (17, b"G520\0"),
        (18, b"0280\0"),
        (3, TEST_DRIVER.encode() + b"\0"),
        (11, _NVDEC0_ENABLED),
        (20, fwid),
        (21, b"\xaa" if mode == PPCIE else b"\x55"),
    ]
    if switches:
        fields.append((22, b"".join(pdi[::-1] for pdi in switches).ljust(144, b"\0")))
    if arch == BLACKWELL:
        fields.append((35, kind.chip.encode() + b"\0"))
    fields += [(OPAQUE_VERSION, b"\1\0"), (36, struct.pack("<H", mode))]
    return Device(kind, pdi, build_chain(authorities, kind, pdi, fwid), measure(kind), tuple(fields))


def build_switch(authorities: Authorities, label: str, gpus: tuple[bytes, ...]) -> Device:
    kind, pdi = KINDS[SWITCH], derive_pdi(authorities.seed, label)
    fwid = hashlib.sha384(b"assay test firmware switch").digest()
    wired = b"".join(gpus).ljust(64, b"\0") + bytes(64)
    fields = ((6, kind.vbios.encode()), (22, pdi), (26, wired), (24, b"\0\0"), (25, b"\1\0"))
    return Device(kind, pdi, build_chain(authorities, kind, pdi, fwid), measure(kind), fields)


def derive_pdi(seed: bytes, label: str) -> bytes:
    return b"\x5a" + hashlib.sha256(seed + b"\0pdi " + label.encode()).digest()[:7]


def build_chain(authorities: Authorities, kind: Kind, pdi: bytes, fwid: bytes) -> tuple[Holder, ...]:
    seed, serial = authorities.seed, kind.prefix << 64 | int.from_bytes(pdi, "big")
    identity = authorities.identity("GH100" if kind.arch == SWITCH else kind.chip)
    provisioner = authorities.provisioner(kind.chip, identity)
    key = issue(seed, Request(f"{kind.common_name} {kind.unit} BROM", serial=serial), provisioner)
    leaf = leaf_request(kind, pdi, extension(kind, key, fwid))
    return (issue(seed, leaf, key), key, provisioner, identity, authorities.device_root)


def leaf_request(kind: Kind, pdi: bytes, dice: x509.ExtensionType) -> Request:
    number = int.from_bytes(hashlib.sha256(b"leaf" + pdi).digest()[:19], "big") | 1
    return Request(f"{kind.common_name} {kind.unit} FMC LF", ca=False, serial=number, extensions=(dice,))


def extension(kind: Kind, key: Holder, fwid: bytes, flags: int = 0x80000001) -> x509.UnrecognizedExtension:
    if kind.arch == BLACKWELL:
        oid, value = _TCB_INFO, der.tcb_info(f"{kind.common_name} {kind.unit}", fwid, flags)
    else:
        spki = key.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        oid, value = _DEVICE_ID, der.device_id(spki, fwid)
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


def measure(kind: Kind) -> dict[int, bytes]:
    return {n: hashlib.sha384(f"assay test {kind.arch} {n}".encode()).digest() for n in range(kind.blocks)}


def _block(index: int, value: bytes) -> bytes:
    return struct.pack("<BBHBH", index, 1, len(value) + 3, 1, len(value)) + value


def _vbios_bytes(text: str) -> bytes:
    """As eight bytes, reversed: "96.00.CF.00.02" is 00 cf 00 96 02 00 00 00."""
    parts = bytes.fromhex(text.replace(".", ""))
    return (b"\0\0\0" + parts[4:] + parts[:4])[::-1]
