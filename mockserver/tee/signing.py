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
