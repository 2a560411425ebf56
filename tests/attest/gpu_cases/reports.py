"""Faults of the report's bytes. Signed again after the change, unless the story says otherwise."""

from __future__ import annotations

import struct
from dataclasses import replace

from tests.attest.gpu_lab import NONCE, OTHER_NONCE, Scene, build, case, scene, with_opaque
from tests.attest.lab import flipped

MEASURED, RECORD_LENGTH = 45, 42
OPAQUE_LENGTH = MEASURED + 64 * 55 + 32


def put(raw: bytes, at: int, new: bytes) -> bytes:
    return raw[:at] + new + raw[at + len(new) :]


def signed(device_scene: Scene) -> bytes:
    return device_scene.device.report(NONCE)


@case("REP-01", "report.signature_invalid")
def measurement_flipped(s: Scene) -> None:
    """one bit of a measurement flipped, signature left"""
    s.show(s.device, flipped(signed(s), MEASURED + 20))


@case("REP-02", "report.signature_invalid")
def signature_flipped(s: Scene) -> None:
    """one bit of the signature flipped"""
    s.show(s.device, flipped(signed(s), -5))


@case("REP-03", "report.signature_invalid")
def signature_zero(s: Scene) -> None:
    """signature all zero"""
    s.show(s.device, s.transcript + bytes(96))


@case("REP-04", "report.signature_invalid")
def signature_swapped(s: Scene) -> None:
    """r and s swapped"""
    raw = signed(s)
    s.show(s.device, raw[:-96] + raw[-48:] + raw[-96:-48])


@case("REP-05", "report.signature_invalid")
def signed_by_another(s: Scene) -> None:
    """signed with another valid device's key"""
    s.show(s.device, scene(label="b").device.sign(s.transcript))


@case("REP-06", "report.signature_invalid")
def responder_nonce_changed(s: Scene) -> None:
    """the device's own nonce changed after signing"""
    s.show(s.device, flipped(signed(s), OPAQUE_LENGTH - 1))


@case("REP-07", "report.signature_invalid")
def nonce_pasted(s: Scene) -> None:
    """an old report with the fresh nonce pasted in"""
    s.show(s.device, put(s.device.report(OTHER_NONCE), 4, NONCE))


@case("REP-08", "report.nonce_mismatch")
def replayed(s: Scene) -> None:
    """an old report, whole, for a new nonce"""
    s.show(s.device, s.device.report(OTHER_NONCE))


@case("REP-10", "report.nonce_mismatch")
def nonce_of_the_responder(s: Scene) -> None:
    """the nonce stands only where the device's own belongs"""
    old = s.device.report(OTHER_NONCE)[:-96]
    s.resign(put(old, OPAQUE_LENGTH - 32, NONCE))


@case("REP-11", "report.spdm_version")
def spdm_ten(s: Scene) -> None:
    """SPDM 1.0 in the request"""
    s.resign(put(s.transcript, 0, b"\x10"))


@case("REP-12", "report.spdm_version")
def spdm_ten_answered(s: Scene) -> None:
    """SPDM 1.0 in the response"""
    s.resign(put(s.transcript, 37, b"\x10"))


@case("REP-13", "report.unsigned_request")
def no_signature_asked(s: Scene) -> None:
    """the request did not ask for a signature"""
    s.show(replace(s.device, request=(0, 0xFF)))


@case("REP-14", "report.partial_measurements")
def one_measurement_asked(s: Scene) -> None:
    """the request asked for one measurement"""
    s.show(replace(s.device, request=(1, 1)))


@case("REP-15", "report.spdm_code")
def other_request(s: Scene) -> None:
    """the request is GET_CERTIFICATE"""
    s.resign(put(s.transcript, 1, b"\x82"))


@case("REP-16", "report.spdm_code")
def error_response(s: Scene) -> None:
    """the response is ERROR"""
    s.resign(put(s.transcript, 38, b"\x7f"))


@case("REP-17", "report.measurement_record")
def a_block_less(s: Scene) -> None:
    """63 blocks announced, the record as long as before"""
    s.resign(put(s.transcript, 41, b"\x3f"))


@case("REP-18", "report.measurement_record")
def a_block_more(s: Scene) -> None:
    """65 blocks announced, the record as long as before"""
    s.resign(put(s.transcript, 41, b"\x41"))


@case("REP-19", "report.truncated")
def record_too_long(s: Scene) -> None:
    """a record length larger than the data"""
    s.resign(put(s.transcript, RECORD_LENGTH, b"\xff\xff\x0f"))


@case("REP-20", "report.measurement_duplicate")
def block_repeated(s: Scene) -> None:
    """block 5 given again, with another value, in the place of block 6"""
    s.resign(put(s.transcript, MEASURED + 5 * 55, b"\x05"))


@case("REP-21", "report.measurement_duplicate")
def block_zero(s: Scene) -> None:
    """a block of index zero"""
    s.resign(put(s.transcript, MEASURED, b"\x00"))


@case("REP-22", "report.measurement_spec")
def not_dmtf(s: Scene) -> None:
    """measurement specification not DMTF"""
    s.resign(put(s.transcript, MEASURED + 1, b"\x02"))


@case("REP-23", "report.measurement_record")
def value_size(s: Scene) -> None:
    """the size of the value disagrees with the block's"""
    s.resign(put(s.transcript, MEASURED + 5, b"\x20\x00"))


@case("REP-24", "report.trailing_bytes")
def trailing_nul(s: Scene) -> None:
    """one NUL after the signature"""
    s.show(s.device, signed(s) + b"\0")


@case("REP-25", "report.")
def one_byte_short(s: Scene) -> None:
    """cut by one byte"""
    s.show(s.device, signed(s)[:-1])


@case("REP-26", "report.truncated")
def cut_in_opaque(s: Scene) -> None:
    """cut inside the opaque data"""
    s.show(s.device, signed(s)[: OPAQUE_LENGTH + 40])


@case("REP-27", "report.truncated")
def nothing(s: Scene) -> None:
    """an empty report"""
    s.show(s.device, b"")


@case("REP-28", "report.opaque_malformed")
def field_runs_over(s: Scene) -> None:
    """an opaque field longer than the opaque data"""
    s.resign(s.transcript[:-4] + struct.pack("<H", 9) + s.transcript[-2:])


@case("REP-29", "report.opaque_duplicate")
def driver_twice(s: Scene) -> None:
    """the driver version is given twice"""
    s.show(replace(s.device, opaque=(*s.device.opaque, (3, b"999.99\0"))))


@case("REP-30", "report.opaque_unknown")
def unknown_field(s: Scene) -> None:
    """an opaque field of unknown type"""
    s.show(with_opaque(s.device, (4711, b"x")))


@case("REP-31", "report.fwid_missing")
def no_fwid(s: Scene) -> None:
    """the firmware id is left out"""
    s.show(with_opaque(s.device, drop=20))


@case("REP-32", "chain.fwid_mismatch")
def other_fwid(s: Scene) -> None:
    """the firmware id differs from the certificate's"""
    s.show(with_opaque(s.device, (20, bytes(48))))


@case("REP-33", "chain.fwid_mismatch")
def short_fwid(s: Scene) -> None:
    """the firmware id is cut to 32 bytes"""
    s.show(with_opaque(s.device, (20, dict(s.device.opaque)[20][:32])))


@case("REP-34", "rim.not_found")
def path_in_version(s: Scene) -> None:
    """path characters in the driver version"""
    s.show(with_opaque(s.device, (3, b"../570\0")))


@case("REP-35", "report.opaque_malformed")
def version_not_ascii(s: Scene) -> None:
    """the driver version is not ASCII"""
    s.show(with_opaque(s.device, (3, b"570.\xff\0")))


@case("REP-36", "report.opaque_malformed")
def text_behind_nul(s: Scene) -> None:
    """a second version behind the NUL of the first"""
    s.show(with_opaque(s.device, (3, b"570.172.08\x00999\0")))


@case("X-18", "report.")
def rubin_shape(s: Scene) -> None:
    """52 blocks of mixed size and opaque data that is no list of fields"""
    blocks = b"".join(struct.pack("<BBHBH", n, 1, n + 3, 1, n) + bytes(n) for n in range(1, 53))
    head = s.transcript[:41] + bytes((52,)) + len(blocks).to_bytes(3, "little")
    s.resign(head + blocks + bytes(32) + struct.pack("<H", 7) + b"\x01\x02\x03\x04\x05\x06\x07")


@case("BND-02", "report.nonce_mismatch", gpus=2)
def one_of_two_replayed(s: Scene) -> None:
    """one GPU fresh, the other from an earlier session"""
    s.show(s.board.gpus[1], build(b"gpu attestation tests", "a", 2, 0, "HOPPER").gpus[1].report(OTHER_NONCE), at=1)
