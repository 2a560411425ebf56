"""Just enough DER to write the two DICE extensions."""

from __future__ import annotations

_SHA384 = bytes.fromhex("0609608648016503040202")


def device_id(public_key: bytes, fwid: bytes) -> bytes:
    """Hopper and switches: version, the identity key (SubjectPublicKeyInfo) and the firmware id."""
    return tlv(0x30, tlv(0x02, b"\x01") + public_key + _fwid(fwid))


def tcb_info(model: str, fwid: bytes, flags: int) -> bytes:
    """Blackwell: model, two firmware ids of which the first counts, operational flags."""
    fwids = tlv(0xA6, _fwid(fwid) + _fwid(bytes(48)))
    return tlv(
        0x30, tlv(0x80, b"NVIDIA") + tlv(0x81, model.encode()) + fwids + tlv(0x87, b"\0" + flags.to_bytes(4, "big"))
    )


def tlv(tag: int, body: bytes) -> bytes:
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def _fwid(fwid: bytes) -> bytes:
    return tlv(0x30, _SHA384 + tlv(0x04, fwid))
