"""Signed tokens of NVIDIA's service: compact form, ES384, a key of the JWKS whose chain ends at a pinned certificate.

Accepts no other algorithm: not `none`, not the shared secret that local verifiers sign with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from harness.attest.gpu.chain import UNREADABLE
from harness.attest.gpu.payload import load
from harness.attest.verdict import Code, Problem, Rejected

MAX_TOKEN_CHARACTERS = 256 * 1024
MAX_JWKS_BYTES = 1024 * 1024
_COORDINATE, _RSA_BITS = 48, 2048


@dataclass(frozen=True)
class Jwt:
    text: str
    claims: Mapping[str, Any]
    problems: tuple[Problem, ...]  # of the key's chain
    pin: str  # SHA-256 of the certificate that issued the key: what to pin
    test_root: bool = False  # whether that certificate says that it stands under a test root


def read(text: Any, jwks: bytes, anchors: frozenset[str] | None, at: datetime) -> Jwt:
    """A token whose signature holds. Raises Rejected with an `nras.*` code."""
    if not isinstance(text, str) or not text.isascii() or text.count(".") != 2 or len(text) > MAX_TOKEN_CHARACTERS:
        raise Rejected(Code.NRAS_MALFORMED, "not a token in compact form")
    head, body, signature = text.split(".")
    header = _object(head)
    if header.get("alg") != "ES384":
        raise Rejected(Code.NRAS_ALG, f"alg {header.get('alg')!r}, only ES384 is taken")
    if "crit" in header:
        raise Rejected(Code.NRAS_CRIT, f"critical members {header['crit']!r}")
    leaf, issuer = _certificates(_key(jwks, header.get("kid")))
    if not _verifies(leaf, _bytes(signature), f"{head}.{body}".encode()):
        raise Rejected(Code.NRAS_SIGNATURE_INVALID, "not signed by the key that it names")
    pin = hashlib.sha256(issuer.public_bytes(Encoding.DER)).hexdigest()
    return Jwt(text, _object(body), tuple(_chain(leaf, issuer, pin, anchors, at)), pin, _is_test(issuer))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key(jwks: bytes, kid: Any) -> dict[str, Any]:
    document = load(jwks, MAX_JWKS_BYTES, Code.NRAS_MALFORMED)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise Rejected(Code.NRAS_MALFORMED, "the key set has no list of keys")
    found = [key for key in keys if isinstance(key, dict) and isinstance(kid, str) and key.get("kid") == kid]
    if len(found) != 1:
        raise Rejected(Code.NRAS_KID, f"{len(found)} keys of the set are called {kid!r}")
    return found[0]


def _certificates(key: dict[str, Any]) -> tuple[x509.Certificate, x509.Certificate]:
    """The key's certificate and that of its issuer; the bare key must be the certified one."""
    chain = key.get("x5c")
    if not isinstance(chain, list) or len(chain) != 2 or not all(isinstance(item, str) for item in chain):
        raise Rejected(Code.NRAS_X5C_UNTRUSTED, "the key comes without a chain of two certificates")
    try:
        leaf, issuer = (x509.load_der_x509_certificate(base64.b64decode(item, validate=True)) for item in chain)
        certified = leaf.public_key()
    except (*UNREADABLE, binascii.Error) as error:
        raise Rejected(Code.NRAS_X5C_UNTRUSTED, str(error)) from error
    if not isinstance(certified, ec.EllipticCurvePublicKey) or not isinstance(certified.curve, ec.SECP384R1):
        raise Rejected(Code.NRAS_ALG, "the certified key is not P-384")
    numbers = certified.public_numbers()
    bare = tuple(int.from_bytes(_bytes(key.get(name)), "big") for name in ("x", "y"))
    meant = (key.get("kty"), key.get("crv"), key.get("alg", "ES384"), key.get("use", "sig"))
    if (numbers.x, numbers.y) != bare or meant != ("EC", "P-384", "ES384", "sig"):
        raise Rejected(Code.NRAS_X5C_UNTRUSTED, "the key is not the one that its certificate names")
    return leaf, issuer


def _chain(
    leaf: x509.Certificate, issuer: x509.Certificate, pin: str, anchors: frozenset[str] | None, at: datetime
) -> list[Problem]:
    found = []
    try:
        linked = _is_ca(issuer) and _issued(leaf, issuer)
        if not linked or (anchors is not None and pin not in anchors):
            found.append(
                Problem(Code.NRAS_X5C_UNTRUSTED, f"issuer sha256 {pin} is not pinned or did not issue the key")
            )
        for certificate in (leaf, issuer):
            if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
                reason = f"valid from {certificate.not_valid_before_utc} to {certificate.not_valid_after_utc}"
                found.append(Problem(Code.NRAS_X5C_EXPIRED, reason))
    except UNREADABLE as error:
        found.append(Problem(Code.NRAS_X5C_UNTRUSTED, str(error)))
    return found


def _issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    """NVIDIA's intermediates have RSA keys, those of its other services keys on P-384."""
    key, digest = issuer.public_key(), leaf.signature_hash_algorithm
    weak = isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS
    if weak or digest is None or digest.digest_size < hashes.SHA256.digest_size:
        return False
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_test(issuer: x509.Certificate) -> bool:
    """Its own word, and enough: a test authority has no reason to hide, a forged one is not pinned."""
    try:
        return "TEST ROOT" in f"{issuer.subject.rfc4514_string()} {issuer.issuer.rfc4514_string()}"
    except UNREADABLE:
        return False


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _verifies(leaf: x509.Certificate, signature: bytes, signed: bytes) -> bool:
    key = leaf.public_key()
    if len(signature) != 2 * _COORDINATE or not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    r, s = (int.from_bytes(part, "big") for part in (signature[:_COORDINATE], signature[_COORDINATE:]))
    try:
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        return False
    return True


def _object(part: str) -> dict[str, Any]:
    document = load(_bytes(part), MAX_TOKEN_CHARACTERS, Code.NRAS_MALFORMED)
    if not isinstance(document, dict):
        raise Rejected(Code.NRAS_MALFORMED, "a part of the token is not an object")
    return document


def _bytes(part: Any) -> bytes:
    """Base64url without padding, in its one canonical spelling."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (ValueError, TypeError) as error:
        raise Rejected(Code.NRAS_MALFORMED, f"not base64url: {error}") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise Rejected(Code.NRAS_MALFORMED, "not canonical base64url")
    return raw
