"""Judges one OCSP response for one certificate: from a file or stapled, never fetched here."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.attest.gpu.chain import UNREADABLE, signed_by
from harness.attest.verdict import Code, Problem

# what reading a response raises besides what certificates raise
_UNREADABLE = (*UNREADABLE, TypeError)


def judge(
    raw: bytes,
    subject: x509.Certificate,
    issuer: x509.Certificate,
    at: datetime,
    nonce: bytes | None = None,
    allow_hold: bool = False,
) -> list[Problem]:
    """`nonce` is the one sent to the responder; None where none was sent. `raw` is DER or base64 of it."""
    try:
        response = ocsp.load_der_ocsp_response(decode(raw))
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return [Problem(Code.OCSP_MALFORMED, f"response status {response.response_status.name}")]
        if len(list(response.responses)) != 1:
            return [Problem(Code.OCSP_MALFORMED, "not exactly one single response")]
        return list(_problems(response, subject, issuer, at, nonce, allow_hold))
    except _UNREADABLE as error:
        return [Problem(Code.OCSP_MALFORMED, str(error))]


def choose(pool: Mapping[str, bytes], subject: x509.Certificate, issuer: x509.Certificate) -> bytes | None:
    """The response filed under the serial (lower-case hex), else the one that speaks of this certificate."""
    named = pool.get(f"{subject.serial_number:x}")
    if named is not None:
        return named
    return next((raw for _, raw in sorted(pool.items()) if _speaks_of(raw, subject, issuer)), None)


def decode(raw: bytes) -> bytes:
    """DER as it is, base64 decoded. Raises ValueError."""
    if raw[:1] == b"0" and not raw[:64].isalnum():
        return raw
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"neither DER nor base64: {error}") from error


def _problems(
    response: ocsp.OCSPResponse,
    subject: x509.Certificate,
    issuer: x509.Certificate,
    at: datetime,
    nonce: bytes | None,
    allow_hold: bool,
) -> Iterator[Problem]:
    responder = _responder(response, issuer)
    if responder is None:
        yield Problem(Code.OCSP_RESPONDER_UNTRUSTED, "no responder certificate that the issuer itself issued")
        return
    yield from _judge_responder(responder, issuer, at)
    if not _verifies(response.public_bytes(Encoding.DER), responder.public_bytes(Encoding.DER)):
        yield Problem(Code.OCSP_SIGNATURE_INVALID, "not signed by the responder")
    if not _names(response, subject, issuer):
        yield Problem(Code.OCSP_CERTID_MISMATCH, f"speaks of serial {response.serial_number:x}")
    yield from _judge_time(response, at)
    yield from _judge_nonce(response, nonce)
    yield from _judge_status(response, allow_hold)


def _responder(response: ocsp.OCSPResponse, issuer: x509.Certificate) -> x509.Certificate | None:
    """The delegated responder that came along, or the issuer when none came."""
    if not response.certificates:
        return issuer
    der = issuer.public_bytes(Encoding.DER)
    return next(
        (
            c
            for c in response.certificates
            if c.issuer == issuer.subject and signed_by(c.public_bytes(Encoding.DER), der)
        ),
        None,
    )


def _judge_responder(responder: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Iterator[Problem]:
    if at > responder.not_valid_after_utc or at < responder.not_valid_before_utc:
        yield Problem(Code.OCSP_RESPONDER_EXPIRED, f"responder valid until {responder.not_valid_after_utc:%Y-%m-%d}")
    if responder == issuer:
        return
    try:
        usages = list(responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        usages = []
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usages:
        yield Problem(Code.OCSP_RESPONDER_EKU, "the responder's certificate is not for OCSP signing")


@lru_cache(maxsize=1024)
def _verifies(response_der: bytes, responder_der: bytes) -> bool:
    """Cached by both, whole: every device of a kind, and each of its manifests, comes with the same answers."""
    response, responder = ocsp.load_der_ocsp_response(response_der), x509.load_der_x509_certificate(responder_der)
    key, digest = responder.public_key(), response.signature_hash_algorithm
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(digest, hashes.SHA256 | hashes.SHA384):
        return False
    try:
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def _names(response: ocsp.OCSPResponse, subject: x509.Certificate, issuer: x509.Certificate) -> bool:
    point = issuer.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    algorithm = response.hash_algorithm.name
    name = hashlib.new(algorithm, subject.issuer.public_bytes(), usedforsecurity=False).digest()
    key = hashlib.new(algorithm, point, usedforsecurity=False).digest()
    found = (response.serial_number, response.issuer_name_hash, response.issuer_key_hash)
    return found == (subject.serial_number, name, key)


def _judge_time(response: ocsp.OCSPResponse, at: datetime) -> Iterator[Problem]:
    if at < response.this_update_utc:
        yield Problem(Code.OCSP_NOT_YET_VALID, f"from {response.this_update_utc:%Y-%m-%d %H:%M}")
    if response.next_update_utc is None or at > response.next_update_utc:
        yield Problem(Code.OCSP_EXPIRED, f"next update {response.next_update_utc}")


def _judge_nonce(response: ocsp.OCSPResponse, nonce: bytes | None) -> Iterator[Problem]:
    if nonce is None:
        return
    try:
        echoed = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        yield Problem(Code.OCSP_NONCE_MISSING, "a nonce was sent, none came back")
        return
    if echoed != nonce:
        yield Problem(Code.OCSP_NONCE_MISMATCH, f"sent {nonce.hex()}, got {echoed.hex()}")


def _judge_status(response: ocsp.OCSPResponse, allow_hold: bool) -> Iterator[Problem]:
    status = response.certificate_status
    if status is ocsp.OCSPCertStatus.UNKNOWN:
        yield Problem(Code.OCSP_UNKNOWN, "the responder does not know the certificate")
    if status is ocsp.OCSPCertStatus.REVOKED:
        reason = response.revocation_reason
        if not (allow_hold and reason is x509.ReasonFlags.certificate_hold):
            yield Problem(Code.OCSP_REVOKED, f"revoked: {reason.value if reason else 'no reason given'}")


def _speaks_of(raw: bytes, subject: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        response = ocsp.load_der_ocsp_response(decode(raw))
        return response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL and _names(response, subject, issuer)
    except _UNREADABLE:
        return False
