"""The certificate authority of the leased clusters: a test CA of the mock's own, and the client certificates it signs.

A leaf is an X.509-SVID: one URI in the subject alternative name, no CA, a key for signatures alone.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=3650)
SKEW = timedelta(minutes=5)  # clocks differ
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Leaf:
    """A certificate with its key. `pem` ends with no newline of its own making: it is what goes into a kubeconfig."""

    certificate: x509.Certificate
    key: Key

    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Authority(Leaf):
    """The CA. `open_authority` finds the one that is kept, or makes it."""

    def client(self, spiffe_id: str, name: str, group: str, now: datetime, expires: datetime) -> Leaf:
        """A client certificate; to Kubernetes `name` (at most 64 characters) is the user and `group` a group."""
        return self._issue(_subject(name, group), [x509.UniformResourceIdentifier(spiffe_id)], False, now, expires)

    def server(self, hosts: list[x509.GeneralName], now: datetime) -> Leaf:
        """A server certificate, for whoever plays the cluster's API server."""
        return self._issue(_subject("Assay Test API server", "assay"), hosts, True, now, now + timedelta(days=1))

    def _issue(
        self, subject: x509.Name, names: list[x509.GeneralName], server: bool, now: datetime, expires: datetime
    ) -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(subject, self.certificate.subject, key, now - SKEW, expires)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(is_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_issuer_key(self.key), critical=False)
        )
        return Leaf(builder.sign(self.key, hashes.SHA256()), key)


def open_authority(db: sqlite3.Connection, now: datetime) -> Authority:
    """The CA of this state file; kubeconfigs that were minted before a restart stay good after it."""
    row = db.execute("SELECT certificate, key FROM forge_authority").fetchone()
    if row is not None:
        key = load_pem_private_key(row["key"], None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return Authority(x509.load_pem_x509_certificate(row["certificate"]), key)
    made = make_authority("Forge", now)
    db.execute("INSERT OR IGNORE INTO forge_authority VALUES (1, ?, ?)", (made.pem(), made.key_pem()))
    return open_authority(db, now)


def make_authority(name: str, now: datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(f"Assay Test {name} CA", "ASSAY TEST - NOT A VENDOR")
    builder = (
        _builder(subject, subject, key, now - timedelta(hours=1), now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer_key(key), critical=False)
    )
    return Authority(builder.sign(key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins.astimezone(UTC))
        .not_valid_after(ends.astimezone(UTC))
    )


def _subject(name: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64]),
        ]
    )


def _issuer_key(key: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
