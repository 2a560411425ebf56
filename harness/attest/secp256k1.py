"""Recovers the signer of an Ethereum personal message. Speed and side channels do not matter: all inputs are public."""

from __future__ import annotations

from Crypto.Hash import keccak

_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
_SIGNATURE_BYTES = 65
Point = tuple[int, int] | None  # None: the point at infinity


def recover_address(message: bytes, signature: bytes) -> bytes:
    """20 bytes. `signature` is r, s, v with v 27 or 28 (or 0 or 1). Raises ValueError where nobody can have signed."""
    if len(signature) != _SIGNATURE_BYTES:
        raise ValueError(f"{len(signature)} bytes, expected {_SIGNATURE_BYTES}")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    odd = signature[64] - 27 if signature[64] >= 27 else signature[64]
    if not (0 < r < _N and 0 < s < _N and odd in (0, 1)):
        raise ValueError("r, s or v out of range")
    digest = int.from_bytes(personal_digest(message), "big")
    inverse = pow(r, -1, _N)
    key = _sum(_times(_lift(r, odd), s * inverse % _N), _times(_G, -digest * inverse % _N))
    if key is None:
        raise ValueError("the signature stands for no key")
    return keccak256(key[0].to_bytes(32, "big") + key[1].to_bytes(32, "big"))[12:]


def personal_digest(message: bytes) -> bytes:
    """EIP-191, version 0x45."""
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)


def keccak256(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def _lift(x: int, odd: int) -> Point:
    """The point with this x whose y is odd or even."""
    square = (pow(x, 3, _P) + 7) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if y * y % _P != square:
        raise ValueError("r is not on the curve")
    return x, y if y & 1 == odd else _P - y


def _times(point: Point, factor: int) -> Point:
    total: Point = None
    while factor:
        if factor & 1:
            total = _sum(total, point)
        point, factor = _sum(point, point), factor >> 1
    return total


def _sum(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    slope = _slope(a, b)
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _slope(a: tuple[int, int], b: tuple[int, int]) -> int:
    if a == b:
        return 3 * a[0] * a[0] * pow(2 * a[1], -1, _P) % _P
    return (b[1] - a[1]) * pow(b[0] - a[0], -1, _P) % _P
