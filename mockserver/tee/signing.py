"""The key with which one model's enclave signs its answers, and the identity that its quote binds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from Crypto.Hash import keccak
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGORITHMS = ("ecdsa", "ed25519")
_SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True)
class SigningIdentity:
    algo: str
    private_key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    public_key: bytes  # ecdsa: 64 bytes x and y; ed25519: 32 bytes
    bound: bytes  # what report_data carries: the 20-byte address, or the ed25519 key itself

    @property
    def address(self) -> str:
        """As the JSON shows it: 0x-hex for an Ethereum address, bare hex for an ed25519 key."""
        return f"0x{self.bound.hex()}" if self.algo == "ecdsa" else self.bound.hex()

    def sign(self, text: str) -> str:
        """Hex: for ecdsa 0x and r, s, v over the text as an Ethereum personal message, for ed25519 over the text."""
        if isinstance(self.private_key, ed25519.Ed25519PrivateKey):
            return self.private_key.sign(text.encode()).hex()
        message = text.encode()
        prefixed = b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message
        return "0x" + _recoverable(self.private_key, keccak.new(digest_bits=256, data=prefixed).digest()).hex()


def _recoverable(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """ECDSA with a nonce that follows from key and digest; v tells which of two keys made it."""
    order, secret = _SECP256K1_ORDER, key.private_numbers().private_value
    seed = hashlib.sha512(b"nonce\0" + secret.to_bytes(32, "big") + digest).digest()
    nonce = int.from_bytes(seed, "big") % (order - 1) + 1
    point = ec.derive_private_key(nonce, ec.SECP256K1()).public_key().public_numbers()
    r = point.x % order
    s = pow(nonce, -1, order) * (int.from_bytes(digest, "big") + r * secret) % order
    odd = point.y & 1
    if s > order // 2:  # the smaller of the two, as Ethereum wants it
        s, odd = order - s, odd ^ 1
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((27 + odd,))


def derive_identity(seed: bytes, model: str, algo: str) -> SigningIdentity:
    """Raises ValueError for an algorithm other than ecdsa and ed25519."""
    secret = hashlib.sha256(seed + b"\0signing\0" + algo.encode() + b"\0" + model.encode()).digest()
    if algo == "ecdsa":
        return _secp256k1(secret)
    if algo == "ed25519":
        private = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return SigningIdentity(algo, private, public, public)
    raise ValueError(f"signing_algo: expected one of {', '.join(ALGORITHMS)}, got {algo!r}")


def _secp256k1(secret: bytes) -> SigningIdentity:
    scalar = int.from_bytes(secret, "big") % (_SECP256K1_ORDER - 1) + 1
    private = ec.derive_private_key(scalar, ec.SECP256K1())
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    address = keccak.new(digest_bits=256, data=public).digest()[12:]
    return SigningIdentity("ecdsa", private, public, address)
