"""Certificates in the shape of NVIDIA's, P-384 throughout, made from a seed: every subject says that it is a test.

Makes what it is asked for, also what a careful issuer would not: that is how faults are shown one at a time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

TEST_ORGANISATION = "ASSAY TEST ROOT - NOT NVIDIA"
FOREVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_SCALARS = 1 << 248  # fits every curve that is asked for
_ECDSA = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)


@dataclass(frozen=True)
class Holder:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Request:
    """What a certificate is to say."""

    common_name: str
    ca: bool = True
    path_length: int | None = None
    serial: int | None = None
    begins: datetime = datetime(2020, 10, 17, tzinfo=UTC)
    ends: datetime = FOREVER
    extensions: tuple[x509.ExtensionType, ...] = field(default=())
    curve: type[ec.EllipticCurve] = ec.SECP384R1


def derive_key(seed: bytes, label: str, curve: type[ec.EllipticCurve] = ec.SECP384R1) -> ec.EllipticCurvePrivateKey:
    scalar = int.from_bytes(hashlib.sha384(seed + b"\0gpu " + label.encode()).digest(), "big")
    return ec.derive_private_key(scalar % _SCALARS + 1, curve())


def sign_raw(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ECDSA with SHA-384 as r and s of 48 bytes each: reports, reference values and tokens use it."""
    r, s = decode_dss_signature(key.sign(message, _ECDSA))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def issue(seed: bytes, request: Request, issuer: Holder | None) -> Holder:
    """Signed by `issuer`, or by itself."""
    key = derive_key(seed, f"{request.common_name} {request.serial}", request.curve)
    name = _name(request.common_name, request.serial)
    signer = issuer.key if issuer else key
    digest = hashlib.sha256(seed + name.public_bytes()).digest()[:16]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(request.serial or int.from_bytes(digest, "big") | 1)
        .not_valid_before(request.begins)
        .not_valid_after(request.ends)
        .add_extension(_usage(request.ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if request.ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=request.path_length), critical=True)
    for extension in request.extensions:
        builder = builder.add_extension(extension, critical=False)
    return Holder(builder.sign(signer, hashes.SHA384(), ecdsa_deterministic=True), key)


@dataclass(frozen=True)
class Authorities:
    """Two roots, as there are two at NVIDIA: one for devices, one for reference values; and the token service's."""

    seed: bytes
    device_root: Holder
    rim_root: Holder
    rim_ca: Holder
    rim_l3: Holder
    token_ca: Holder

    def identity(self, chip: str) -> Holder:
        return issue(self.seed, Request(f"NVIDIA {chip} Identity"), self.device_root)

    def provisioner(self, chip: str, identity: Holder) -> Holder:
        return issue(self.seed, Request(f"NVIDIA {chip} Provisioner ICA 1"), identity)

    def rim_signer(self, now: datetime) -> Holder:
        begins = now - timedelta(days=200)
        request = Request("HCC RIM L4 Signer", ca=False, begins=begins, ends=begins + timedelta(days=730))
        return issue(self.seed, request, self.rim_l3)

    def token_signer(self, now: datetime) -> Holder:
        begins = now - timedelta(hours=6)
        request = Request("Attestation Service GPU", ca=False, begins=begins, ends=begins + timedelta(hours=48))
        return issue(self.seed, request, self.token_ca)


def build_authorities(seed: bytes) -> Authorities:
    device_root = issue(seed, Request("NVIDIA Device Identity CA"), None)
    rim_root = issue(seed, Request("NVIDIA CoRIM signing Root CA"), None)
    rim_ca = issue(seed, Request("NVIDIA Reference Value CA"), rim_root)
    rim_l3 = issue(seed, Request("NVIDIA Reference Value L3", path_length=0), rim_ca)
    token_root = issue(seed, Request("Attestation Service CA 001"), None)
    token_ca = issue(seed, Request("Attestation Service GPU Intermediate 001"), token_root)
    return Authorities(seed, device_root, rim_root, rim_ca, rim_l3, token_ca)


def _name(common_name: str, serial: int | None) -> x509.Name:
    """Common names as NVIDIA's, because the family of a device stands in them; the organisation tells them apart."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, TEST_ORGANISATION))
    if serial is not None:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{serial:X}"))
    return x509.Name(parts)


def _usage(is_ca: bool) -> x509.KeyUsage:
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
