"""A certificate hierarchy in the shape of Intel's, made from a seed: every subject says that it is a test.

It refuses to resemble the real root in anything but structure; no verifier that pins Intel's key accepts it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

TEST_ORGANISATION = "ASSAY TEST ROOT - NOT INTEL"
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SGX_EXTENSION = "1.2.840.113741.1.13.1"
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


@dataclass(frozen=True)
class PckFacts:
    """What the PCK certificate says about the machine."""

    ppid: bytes
    cpu_svn: bytes
    component_svns: bytes  # an honest machine repeats its CPUSVN here, one integer for each byte
    pce_svn: int
    pce_id: bytes
    fmspc: bytes
    instance_id: bytes


@dataclass(frozen=True)
class Issuer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


@dataclass(frozen=True)
class Pki:
    root: Issuer
    platform_ca: Issuer
    pck: Issuer
    tcb_signing: Issuer


def derive_key(seed: bytes, label: str) -> ec.EllipticCurvePrivateKey:
    scalar = int.from_bytes(hashlib.sha256(seed + b"\0" + label.encode()).digest(), "big")
    return ec.derive_private_key(scalar % (_P256_ORDER - 1) + 1, ec.SECP256R1())


def sign_raw(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ECDSA P-256 with SHA-256 as r and s of 32 bytes each, the form used in quotes and collateral."""
    r, s = decode_dss_signature(key.sign(message, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def public_xy(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def build_pki(seed: bytes, day: datetime, facts: PckFacts) -> Pki:
    """`day` is midnight UTC of the day the platform started; certificates live from a year before it."""
    root_key = derive_key(seed, "root")
    root_name = _name("SGX Root CA")
    root_cert = _certificate(seed, root_name, root_key, root_name, root_key, day, ca_path=1)
    root = Issuer(root_cert, root_key)
    platform_key = derive_key(seed, "platform-ca")
    platform_name = _name("SGX PCK Platform CA")
    platform_cert = _certificate(seed, platform_name, platform_key, root_name, root_key, day, ca_path=0)
    pck_key, pck_name = derive_key(seed, "pck"), _name("SGX PCK Certificate")
    pck_cert = _certificate(seed, pck_name, pck_key, platform_name, platform_key, day, facts=facts)
    tcb_key, tcb_name = derive_key(seed, "tcb-signing"), _name("SGX TCB Signing")
    tcb_cert = _certificate(seed, tcb_name, tcb_key, root_name, root_key, day)
    return Pki(root, Issuer(platform_cert, platform_key), Issuer(pck_cert, pck_key), Issuer(tcb_cert, tcb_key))


def build_crl(issuer: Issuer, issued: datetime, expires: datetime, revoked: list[int]) -> bytes:
    """DER, with the authority key identifier and CRL number that RFC 5280 asks for."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(issued)
        .next_update(expires)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(int(issued.timestamp())), critical=False)
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(issued).build()
        builder = builder.add_revoked_certificate(entry)
    crl = builder.sign(issuer.key, hashes.SHA256(), ecdsa_deterministic=True)
    return crl.public_bytes(Encoding.DER)


def midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Assay Test {common_name}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, TEST_ORGANISATION),
        ]
    )


def _certificate(
    seed: bytes,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    day: datetime,
    *,
    ca_path: int | None = None,
    facts: PckFacts | None = None,
) -> x509.Certificate:
    is_ca = ca_path is not None
    serial = hashlib.sha256(seed + subject.public_bytes()).digest()[:16]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(serial, "big") | 1)
        .not_valid_before(day - timedelta(days=365))
        .not_valid_after(day + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=ca_path), critical=True)
        .add_extension(_key_usage(is_ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if facts is not None:
        extension = x509.UnrecognizedExtension(ObjectIdentifier(_SGX_EXTENSION), _sgx_extension(facts))
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)


def _key_usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _sgx_extension(facts: PckFacts) -> bytes:
    components = [_pair(f"2.{n}", _integer(svn)) for n, svn in enumerate(facts.component_svns, start=1)]
    tcb = [*components, _pair("2.17", _integer(facts.pce_svn)), _pair("2.18", _tlv(0x04, facts.cpu_svn))]
    flags = [_pair(f"7.{n}", _tlv(0x01, b"\xff")) for n in (1, 2, 3)]  # dynamic, cached keys, SMT: as in the field
    return _sequence(
        _pair("1", _tlv(0x04, facts.ppid)),
        _pair("2", _sequence(*tcb)),
        _pair("3", _tlv(0x04, facts.pce_id)),
        _pair("4", _tlv(0x04, facts.fmspc)),
        _pair("5", _tlv(0x0A, b"\x01")),
        _pair("6", _tlv(0x04, facts.instance_id)),
        _pair("7", _sequence(*flags)),
    )


def _pair(suffix: str, value: bytes) -> bytes:
    return _sequence(_oid(f"{_SGX_EXTENSION}.{suffix}"), value)


def _sequence(*items: bytes) -> bytes:
    return _tlv(0x30, b"".join(items))


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    return _tlv(0x06, bytes([first * 40 + second]) + b"".join(_base128(part) for part in rest))


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def _tlv(tag: int, body: bytes) -> bytes:
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body
