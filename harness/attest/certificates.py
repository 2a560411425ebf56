"""Certificates and revocation lists as the judges need them: read, compared and checked, one question at a time."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Any

import dcap_qvl
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from harness.attest.collateral import INTEL_ROOT_KEY_ID, PCK_CHAIN, Trust
from harness.attest.layout import Layout

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
# what the certificate library raises for bytes it cannot take; only some of these are ValueErrors
UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
# the same, and what a signed statement raises that is shaped otherwise than Intel shapes them
MISSHAPEN = (*UNREADABLE, KeyError, TypeError, IndexError, AttributeError)


def chain_in(text: str) -> list[x509.Certificate]:
    """The certificates of a PEM text; none when one of them cannot be read."""
    try:
        return [x509.load_pem_x509_certificate(match.encode()) for match in _PEM.findall(text)]
    except UNREADABLE:
        return []


def chain_text(layout: Layout, trust: Trust) -> bytes:
    """The PCK chain: the quote's own, or the collateral's where the quote carries none."""
    if layout.embeds_chain:
        return layout.certification
    return trust.members.get(PCK_CHAIN, "").encode("utf-8", "surrogatepass")


def chain_of(layout: Layout, trust: Trust) -> list[x509.Certificate]:
    return chain_in(chain_text(layout, trust).rstrip(b"\0").decode("ascii", "replace"))


@functools.lru_cache(maxsize=64)
def pck_extension(text: bytes) -> Any:
    """What the first certificate of a PEM chain says about its machine; dcap-qvl reads it. Raises ValueError."""
    return dcap_qvl.parse_pck_extension_from_pem(text)


def revocation_list(trust: Trust, member: str) -> x509.CertificateRevocationList:
    """Raises what UNREADABLE names."""
    return x509.load_der_x509_crl(bytes.fromhex(trust.members[member]))


def lists(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    same_issuer = crl.issuer == certificate.issuer
    return same_issuer and crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None


def signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    return isinstance(key, ec.EllipticCurvePublicKey) and crl.is_signature_valid(key)


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*UNREADABLE, TypeError, InvalidSignature):
        return False
    return True


def common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def trusted(root: x509.Certificate, trust: Trust) -> bool:
    """Whether this is the root of the trust, or Intel's where the trust names none."""
    if trust.root_der is not None:
        return root.public_bytes(Encoding.DER) == trust.root_der
    return root_key_id(root) == INTEL_ROOT_KEY_ID and issued(root, root)


def root_key_id(root: x509.Certificate) -> str:
    return hashlib.sha384(root.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).hexdigest()


def p256_point(xy: bytes) -> ec.EllipticCurvePublicKey:
    """Raises ValueError when the 64 bytes are no point of the curve."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + xy)


def p256_signed(key: object, signature: bytes, message: bytes) -> bool:
    """Whether r and s, 32 bytes each, are the signature of this P-256 key over the message with SHA-256."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return False
    if len(signature) != 64:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        key.verify(der, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
