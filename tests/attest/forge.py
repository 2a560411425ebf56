"""Quotes and collateral with any one thing wrong and everything else signed as it should be, under the test root."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ObjectIdentifier

from harness.attest import Policy, Trust, Verdict, judge_quote
from harness.attest.layout import read
from harness.attest.policy import DEFAULT
from mockserver.tee import pki
from tests.attest.lab import HONEST, NOW, SEED, quote_of, resigned

QUOTE = quote_of(HONEST)
COLLATERAL = HONEST.collateral()
PKI = HONEST._pki
FACTS = HONEST._facts
AK, ATTACKER = pki.derive_key(SEED, "attestation"), pki.derive_key(b"an attacker", "any")
SGX_OID = "1.2.840.113741.1.13.1"
_READ = read(QUOTE)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Parts:
    """A quote before it is signed; `encode` signs it the way a quoting enclave does."""

    header: bytes = QUOTE[:48]
    announced: bytes = b""  # version 5: body type and size
    body: bytes = QUOTE[48:632]
    key: ec.EllipticCurvePrivateKey = AK
    shown_key: bytes | None = None  # another attestation key than the one that signs
    qe_report: bytes = _READ.qe_report[:320]
    qe_tail: bytes = bytes(32)
    auth: bytes = _READ.qe_auth
    pck: Any = PKI.pck.key
    outer: int | None = 6
    inner: int = 5
    certification: bytes = _READ.certification
    junk: bytes = b""  # inside the signature data

    def encode(self) -> bytes:
        body = self.header + self.announced + self.body
        public = self.shown_key or pki.public_xy(self.key)
        report = self.qe_report + hashlib.sha256(public + self.auth).digest() + self.qe_tail
        nested = struct.pack("<HI", self.inner, len(self.certification)) + self.certification
        certified = report + _signature(self.pck, report) + struct.pack("<H", len(self.auth)) + self.auth + nested
        wrapped = certified if self.outer is None else struct.pack("<HI", self.outer, len(certified)) + certified
        data = pki.sign_raw(self.key, body) + public + wrapped + self.junk
        return body + struct.pack("<I", len(data)) + data

    def put(self, at: int, value: bytes) -> Parts:
        """With these bytes at an offset of the quote, inside header or body."""
        whole = self.header + self.body
        changed = whole[:at] + value + whole[at + len(value) :]
        return replace(self, header=changed[:48], body=changed[48:])


@dataclass(frozen=True)
class Trial:
    """What the judge is asked: the honest answer but for what a case replaced."""

    quote: bytes = QUOTE
    members: dict[str, str] = field(default_factory=lambda: dict(COLLATERAL))
    root: bytes | None = HONEST.root_der()
    at: datetime = NOW
    policy: Policy = DEFAULT

    @property
    def trust(self) -> Trust:
        return Trust(json.dumps(self.members), self.root, "forged")

    def judged(self) -> Verdict:
        return judge_quote(self.quote, self.trust, self.at, self.policy)


Make = Callable[[], Trial]


def quoted(**changes: Any) -> Trial:
    return Trial(replace(Parts(), **changes).encode())


def chained(*certificates: x509.Certificate, **changes: Any) -> Trial:
    """A quote that carries this chain."""
    return quoted(certification=pem(*certificates).encode() + b"\0", **changes)


def stated(member: str, change: Callable[[dict[str, Any]], object], signer: str = "tcb-signing", **more: Any) -> Trial:
    """Collateral with one signed statement edited and signed again."""
    return Trial(members=resigned(member, change, signer)(dict(COLLATERAL)), **more)


def raw_statement(member: str, text: str, key: ec.EllipticCurvePrivateKey | None = None) -> Trial:
    signature = pki.sign_raw(key or PKI.tcb_signing.key, text.encode()).hex()
    return Trial(members={**COLLATERAL, member: text, f"{member}_signature": signature})


def given(**members: str) -> Trial:
    return Trial(members={**COLLATERAL, **members})


def pem(*certificates: x509.Certificate) -> str:
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def certificate(
    honest: pki.Issuer,
    issuer: pki.Issuer,
    *,
    key: Any = None,
    subject: x509.Name | None = None,
    is_ca: bool | None = None,
    path: int | None = None,
    starts: datetime = NOW - timedelta(days=365),
    ends: datetime = NOW + timedelta(days=3650),
    extension: bytes | None = None,
    serial: int | None = None,
) -> x509.Certificate:
    """Like the honest one, issued by `issuer`, with whatever is named replaced."""
    constraints = honest.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    ca = constraints.ca if is_ca is None else is_ca
    own, signer = key or honest.key.public_key(), issuer.key
    limit = path if path is not None else (constraints.path_length if ca else None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or honest.certificate.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(own)
        .serial_number(serial or honest.certificate.serial_number)
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=limit), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if extension is not None:
        unrecognised = x509.UnrecognizedExtension(ObjectIdentifier(SGX_OID), extension)
        builder = builder.add_extension(unrecognised, critical=False)
    return builder.sign(signer, hashes.SHA256())


def leaf(extension: bytes | None = None, **changes: Any) -> x509.Certificate:
    """A PCK certificate; the extension is the honest one where none is given."""
    return certificate(PKI.pck, PKI.platform_ca, extension=extension or pki._sgx_extension(FACTS), **changes)


def crl(
    issuer: pki.Issuer,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    issued: datetime = NOW - timedelta(days=1),
    ends: datetime = NOW + timedelta(days=29),
    revoked: tuple[int, ...] = (),
    number: bool = True,
    authority: bool = True,
) -> str:
    """A revocation list in hex."""
    signer = key or issuer.key
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(issued).next_update(ends)
    if authority:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if number:
        builder = builder.add_extension(x509.CRLNumber(7), critical=False)
    for serial in revoked:
        row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(issued).build()
        builder = builder.add_revoked_certificate(row)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER).hex()


def sgx_quote() -> bytes:
    """An SGX quote, version 3, of the test platform."""
    header = struct.pack("<HHIHH", 3, 2, 0, 8, 13) + QUOTE[12:48]
    report = bytes(48) + bytes.fromhex("0500000000000000e700000000000000") + bytes([7]) * 32 + bytes(32)
    return Parts(header=header, body=report + bytes([9]) * 32 + bytes(160) + bytes(64), outer=None).encode()


def malleated(quote: bytes) -> bytes:
    """The other valid signature of the same body: s replaced by n - s."""
    s = int.from_bytes(quote[668:700], "big")
    return quote[:668] + (_ORDER - s).to_bytes(32, "big") + quote[700:]


def _signature(key: Any, message: bytes) -> bytes:
    """A P-384 signature does not fit: its first 64 bytes stand in for it."""
    if key.curve.name == "secp256r1":
        return pki.sign_raw(key, message)
    return bytes(key.sign(message, ec.ECDSA(hashes.SHA256()))[:64])
