"""Judges a P-384 certificate chain against one pinned root: length, links, roles, dates. Used for devices and RIMs.

Revocation is not looked at here. Codes are `chain.*` or `rim.chain.*`, whichever family is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from harness.attest import strict
from harness.attest.verdict import Code, Problem, Rejected

Kind = TypeVar("Kind", bound=x509.ExtensionType)
DEVICE, RIM = "chain", "rim.chain"
# a serial that is not positive, or a country of eighteen letters, is only warned about; where warnings are errors, it
# is one
UNREADABLE = (*strict.UNREADABLE, UserWarning)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*")
_MAX_CHAIN_BYTES = 32 * 1024
_KNOWN_CRITICAL = frozenset({x509.BasicConstraints.oid, x509.KeyUsage.oid})


def read_pem(text: bytes, family: str = DEVICE) -> tuple[x509.Certificate, ...]:
    """Nothing but certificates may stand in it. Raises Rejected(`<family>.malformed`)."""
    pieces = _PEM.findall(text) if len(text) <= _MAX_CHAIN_BYTES else []
    if not pieces or b"".join(pieces) != text.lstrip():
        raise Rejected(_code(family, "malformed"), f"{len(text)} bytes are not a list of PEM certificates")
    try:
        return tuple(_read_pem(piece) for piece in pieces)
    except UNREADABLE as error:
        raise Rejected(_code(family, "malformed"), str(error)) from error


def judge_chain(
    certificates: Sequence[x509.Certificate], root_der: bytes, at: datetime, length: int, family: str = DEVICE
) -> list[Problem]:
    """Leaf first, root last. `at` is aware. Raises Rejected where the chain cannot be read at all."""
    if len(certificates) != length:
        raise Rejected(_code(family, "length"), f"{len(certificates)} certificates, expected {length}")
    try:
        return [Problem(_code(family, name), reason) for name, reason in _faults(certificates, root_der, at)]
    except UNREADABLE as error:
        raise Rejected(_code(family, "malformed"), str(error)) from error


def public_key(certificate: x509.Certificate, family: str = DEVICE) -> ec.EllipticCurvePublicKey:
    """Raises Rejected(`<family>.key_type`)."""
    try:
        key = certificate.public_key()
    except UNREADABLE as error:
        raise Rejected(_code(family, "key_type"), str(error)) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise Rejected(_code(family, "key_type"), f"{certificate.subject.rfc4514_string()}: not a P-384 key")
    return key


def _faults(certificates: Sequence[x509.Certificate], root_der: bytes, at: datetime) -> Iterator[tuple[str, str]]:
    if certificates[-1].public_bytes(Encoding.DER) != root_der:
        yield "untrusted_root", f"{_name(certificates[-1])} is not the trusted root"
    for certificate in certificates:
        yield from _shape(certificate, at)
    if _basic(certificates[0]).ca:
        yield "leaf_is_a_ca", f"{_name(certificates[0])} is a CA"
    for depth, (child, parent) in enumerate(pairwise(certificates)):
        yield from _link(child, parent)
        yield from _role(parent, below=depth)


def _shape(certificate: x509.Certificate, at: datetime) -> Iterator[tuple[str, str]]:
    name, key = _name(certificate), certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        yield "key_type", f"{name}: not a P-384 key"
    if not isinstance(certificate.signature_hash_algorithm, hashes.SHA384):
        yield "key_type", f"{name}: not signed with SHA-384"
    if at < certificate.not_valid_before_utc:
        yield "not_yet_valid", f"{name}: from {certificate.not_valid_before_utc:%Y-%m-%d}"
    if at > certificate.not_valid_after_utc:
        yield "expired", f"{name}: until {certificate.not_valid_after_utc:%Y-%m-%d}"
    unknown = [e.oid.dotted_string for e in certificate.extensions if e.critical and e.oid not in _KNOWN_CRITICAL]
    if unknown:
        yield "critical_extension", f"{name}: {', '.join(unknown)}"


def _link(child: x509.Certificate, parent: x509.Certificate) -> Iterator[tuple[str, str]]:
    name = f"{_name(child)} under {_name(parent)}"
    if child.issuer != parent.subject:
        yield "name_link", name
    if _authority(child) != _subject(parent):
        yield "key_id_link", name
    if not signed_by(child.public_bytes(Encoding.DER), parent.public_bytes(Encoding.DER)):
        yield "signature", name


def _role(parent: x509.Certificate, below: int) -> Iterator[tuple[str, str]]:
    """`below` is how many CAs stand between this one and the leaf."""
    basic = _basic(parent)
    usage = _extension(parent, x509.KeyUsage)
    if not basic.ca or usage is None or not usage.key_cert_sign:
        yield "not_a_ca", _name(parent)
    elif basic.path_length is not None and basic.path_length < below:
        yield "path_length", f"{_name(parent)} allows {basic.path_length} CAs below it, there are {below}"


@lru_cache(maxsize=4096)
def signed_by(child_der: bytes, parent_der: bytes) -> bool:
    """Cached by both certificates, whole: the upper links are the same for every device of a kind."""
    child, parent = x509.load_der_x509_certificate(child_der), x509.load_der_x509_certificate(parent_der)
    key, digest = parent.public_key(), child.signature_hash_algorithm
    if not isinstance(key, ec.EllipticCurvePublicKey) or digest is None:
        return False
    try:
        key.verify(child.signature, child.tbs_certificate_bytes, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=1024)
def _read_pem(piece: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(piece)


def _basic(certificate: x509.Certificate) -> x509.BasicConstraints:
    return _extension(certificate, x509.BasicConstraints) or x509.BasicConstraints(ca=False, path_length=None)


def _extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _authority(certificate: x509.Certificate) -> bytes | None:
    found = _extension(certificate, x509.AuthorityKeyIdentifier)
    return found.key_identifier if found else None


def _subject(certificate: x509.Certificate) -> bytes | None:
    found = _extension(certificate, x509.SubjectKeyIdentifier)
    return found.digest if found else b""


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _code(family: str, fault: str) -> Code:
    return Code(f"{family}.{fault}")
