"""Faults of the device certificates. The report is signed by whatever leaf is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mockserver.tee.gpu.device import BLACKWELL, HOPPER, KINDS, Device, build_chain, build_gpu, extension, leaf_request
from mockserver.tee.gpu.pki import Holder, Request, issue
from tests.attest.gpu_lab import ATTACKER, AUTHORITIES, SEED, Scene, build, case, scene
from tests.attest.lab import flipped

HOPPER_KIND = KINDS[HOPPER]


def chained(device: Device, *chain: Holder) -> Device:
    return replace(device, chain=chain)


def pem(holders: Sequence[Holder]) -> bytes:
    return b"".join(holder.pem() for holder in holders)


def fwid(device: Device) -> bytes:
    return dict(device.opaque)[20]


def leaf(device: Device, key: Holder, **changed: object) -> Holder:
    request = leaf_request(device.kind, device.pdi, extension(device.kind, key, fwid(device)))
    return issue(SEED, replace(request, **changed), key)  # type: ignore[arg-type]


@case("CHN-01", "chain.untrusted_root")
def attackers_root(s: Scene) -> None:
    """a chain under an attacker's root with the same names"""
    s.show(build_gpu(ATTACKER, "a gpu 0"))


@case("CHN-02", "chain.")
def pinned_root_pasted(s: Scene) -> None:
    """the pinned root under an attacker's chain"""
    forged = build_gpu(ATTACKER, "a gpu 0")
    s.show(chained(forged, *forged.chain[:4], AUTHORITIES.device_root))


@case("CHN-03", "chain.length")
def leaf_as_ca(s: Scene) -> None:
    """a genuine leaf signs a leaf of the attacker's (6 certificates)"""
    forged = issue(
        b"mallory",
        leaf_request(HOPPER_KIND, s.device.pdi, extension(HOPPER_KIND, s.device.chain[1], b"")),
        s.device.chain[0],
    )
    s.show(chained(s.device, forged, *s.device.chain))


@case("CHN-04", "chain.")
def leaf_as_ca_squeezed(s: Scene) -> None:
    """the same, squeezed to 5 certificates"""
    request = leaf_request(HOPPER_KIND, s.device.pdi, extension(HOPPER_KIND, s.device.chain[1], fwid(s.device)))
    forged = issue(b"mallory", request, s.device.chain[0])
    genuine = s.device.chain
    s.show(chained(s.device, forged, genuine[0], genuine[2], genuine[3], genuine[4]))


@case("CHN-05", "chain.")
def two_devices(s: Scene) -> None:
    """the leaf of one device with the identity key of another"""
    other = scene(label="b").device.chain
    s.show(chained(s.device, s.device.chain[0], other[1], *s.device.chain[2:]))


@case("CHN-06", "chain.")
def other_leaf(s: Scene) -> None:
    """a self-signed leaf with the genuine names"""
    request = leaf_request(HOPPER_KIND, s.device.pdi, extension(HOPPER_KIND, s.device.chain[1], fwid(s.device)))
    s.show(chained(s.device, issue(b"mallory", request, None), *s.device.chain[1:]))


@case("CHN-07", "chain.length")
def no_root(s: Scene) -> None:
    """the root left out"""
    s.show(s.device, pem=pem(s.device.chain[:4]))


@case("CHN-08", "chain.length")
def extra_certificate(s: Scene) -> None:
    """an extra certificate in front of the leaf"""
    s.show(s.device, pem=pem((s.device.chain[1], *s.device.chain)))


@case("CHN-09", "chain.")
def reversed_chain(s: Scene) -> None:
    """root first"""
    s.show(s.device, pem=pem(s.device.chain[::-1]))


@case("CHN-10", "chain.signature")
def leaf_signature(s: Scene) -> None:
    """one bit of the leaf's signature changed"""
    damaged = x509.load_der_x509_certificate(flipped(s.device.chain[0].der(), -4))
    s.show(s.device, pem=damaged.public_bytes(Encoding.PEM) + pem(s.device.chain[1:]))


@case("CHN-11", "chain.expired")
def leaf_expired(s: Scene) -> None:
    """the leaf expired"""
    _, *upper = s.device.chain
    s.show(chained(s.device, leaf(s.device, upper[0], ends=datetime(2026, 1, 1, tzinfo=UTC)), *upper))


@case("CHN-12", "chain.not_yet_valid")
def leaf_of_tomorrow(s: Scene) -> None:
    """the leaf begins in the future"""
    _, *upper = s.device.chain
    s.show(chained(s.device, leaf(s.device, upper[0], begins=datetime(2027, 1, 1, tzinfo=UTC)), *upper))


@case("CHN-13", "chain.family_mismatch")
def blackwell_as_hopper(s: Scene) -> None:
    """a Blackwell device claimed to be Hopper"""
    s.show(build(SEED, "a", 1, 0, BLACKWELL).gpus[0])
    s.gpus[0]["arch"] = HOPPER


@case("CHN-14", "chain.family_mismatch")
def switch_as_gpu(s: Scene) -> None:
    """a switch as a GPU"""
    s.show(build(SEED, "a", 8, 4, HOPPER).switches[0])
    s.gpus[0]["arch"] = HOPPER


@case("CHN-15", "chain.fwid_missing")
def no_dice(s: Scene) -> None:
    """a leaf without DICE extension"""
    _, *upper = s.device.chain
    s.show(chained(s.device, leaf(s.device, upper[0], extensions=()), *upper))


@case("CHN-16", "chain.fwid_malformed")
def dice_garbage(s: Scene) -> None:
    """a DICE extension that is no such structure"""
    _, *upper = s.device.chain
    garbage = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.23.133.5.4.1"), b"\x30\x03\x02\x01\x07")
    s.show(chained(s.device, leaf(s.device, upper[0], extensions=(garbage,)), *upper))


@case("CHN-17", "chain.device_id_mismatch")
def other_device_key(s: Scene) -> None:
    """the key in the DICE extension is not the identity key"""
    _, *upper = s.device.chain
    wrong = extension(HOPPER_KIND, scene(label="b").device.chain[1], fwid(s.device))
    s.show(chained(s.device, leaf(s.device, upper[0], extensions=(wrong,)), *upper))


@case("CHN-18", "chain.debug", arch=BLACKWELL)
def debug_flag(s: Scene) -> None:
    """Blackwell firmware that says it runs in debug mode"""
    _, *upper = s.device.chain
    debug = extension(s.device.kind, upper[0], fwid(s.device), flags=0x90000001)
    s.show(chained(s.device, leaf(s.device, upper[0], extensions=(debug,)), *upper))


@case("CHN-19", "chain.ik_serial_format")
def no_pdi_prefix(s: Scene) -> None:
    """an identity key whose serial does not begin with 0x41"""
    kind = replace(HOPPER_KIND, prefix=0x42)
    s.show(chained(s.device, *build_chain(AUTHORITIES, kind, s.device.pdi, fwid(s.device))))


@case("CHN-20", "chain.key_type")
def small_curve(s: Scene) -> None:
    """a P-256 key in the chain"""
    _, *upper = s.device.chain
    small = leaf(s.device, upper[0], curve=ec.SECP256R1)
    s.show(s.device, pem=pem((small, *upper)))


@case("CHN-21", "chain.path_length")
def path_too_long(s: Scene) -> None:
    """an identity CA that allows no CA below it"""
    _, _, provisioner_old, _, root = s.device.chain
    narrow = issue(SEED, Request("NVIDIA GH100 Identity", path_length=0), root)
    assert provisioner_old.certificate.issuer == narrow.certificate.subject
    s.show(chained(s.device, *s.device.chain[:3], narrow, root))


@case("CHN-22", "chain.malformed")
def garbage(s: Scene) -> None:
    """garbage for a chain"""
    s.show(s.device, pem=b"garbage")


@case("CHN-23", "chain.malformed")
def empty(s: Scene) -> None:
    """an empty chain"""
    s.show(s.device, pem=b"")


@case("X-02", "policy.device_not_allowed")
def not_on_the_list(s: Scene) -> None:
    """a genuine GPU that is not one of the host's"""
    s.policy = replace(s.policy, devices=frozenset({"00" * 8}))
