"""OCSP responses by delegated responders under the test authorities, as NVIDIA's responder gives them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from mockserver.tee.gpu.pki import Holder, Request, issue

GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN

A_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """What the responder says."""

    status: ocsp.OCSPCertStatus = GOOD
    reason: x509.ReasonFlags | None = None
    nonce: bytes | None = None
    valid_for: timedelta = A_DAY


GENERAL: Mapping[str, Answer] = {}  # nothing in particular about any certificate


def build_responder(seed: bytes, issuer: Holder, now: datetime, signing: bool = True) -> Holder:
    usages = [ExtendedKeyUsageOID.OCSP_SIGNING if signing else ExtendedKeyUsageOID.CLIENT_AUTH]
    label = hashlib.sha256(issuer.der()).hexdigest()[:16]  # no two responders share a key
    begins = now - timedelta(days=30)
    request = Request(
        f"OCSP Responder {label}",
        ca=False,
        begins=begins,
        ends=begins + timedelta(days=365),
        extensions=(x509.ExtendedKeyUsage(usages),),
    )
    return issue(seed, request, issuer)


def answer(
    subject: Holder,
    issuer: Holder,
    responder: Holder,
    issued: datetime,
    said: Answer,
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    """DER. `issued` becomes thisUpdate; `algorithm` is the one that a request names its certificate by."""
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=subject.certificate,
            issuer=issuer.certificate,
            algorithm=algorithm or hashes.SHA384(),
            cert_status=said.status,
            this_update=issued,
            next_update=issued + said.valid_for,
            revocation_time=issued if said.status is REVOKED else None,
            revocation_reason=said.reason,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    if said.nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(said.nonce), critical=False)
    return builder.sign(responder.key, hashes.SHA384()).public_bytes(Encoding.DER)


def answers(
    seed: bytes, chain: Sequence[Holder], now: datetime, general: Answer, said: Mapping[str, Answer]
) -> dict[str, bytes]:
    """For every certificate of a chain but its root, by serial in lower-case hex: `general`, or what `said` holds."""
    issued, found = now - timedelta(minutes=5), dict[str, bytes]()
    for subject, issuer in pairwise(chain):
        serial = f"{subject.certificate.serial_number:x}"
        told = said.get(serial, general)
        found[serial] = answer(subject, issuer, build_responder(seed, issuer, now), issued, told)
    return found
