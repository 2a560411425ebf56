"""A minted kubeconfig: read with bounds, then whether its certificate is the identity, the key and the time it claims.

It connects to nothing and trusts nobody: a chain to the cluster's own authority is for the cluster to judge.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import yaml
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.judge.chat import is_filled, listed, member

LARGEST = 256 * 1024  # bytes; real ones have a few thousand
MINUTE = timedelta(minutes=1)
_SPIFFE = re.compile(r"spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)+")


class Unreadable(ValueError):
    """What a Kubernetes client would refuse as well, in words for the report."""


@dataclass(frozen=True)
class Kubeconfig:
    """What the current context of a kubeconfig leads to."""

    server: str
    authority: tuple[x509.Certificate, ...]
    insecure: bool
    certificate: x509.Certificate
    key: Any
    namespace: str | None


def text_of(encoded: object) -> bytes:
    """The YAML of the answer's member. Raises Unreadable."""
    if not isinstance(encoded, str) or len(encoded) > LARGEST:
        raise Unreadable("kubeconfig is no text of a sensible length")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("kubeconfig is not base64") from None


def document(encoded: object) -> dict[str, Any]:
    """The kubeconfig as plain data. Raises Unreadable."""
    found = loaded(text_of(encoded))
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != ("v1", "Config"):
        raise Unreadable("the YAML is no kubeconfig: apiVersion v1, kind Config")
    return found


def loaded(text: bytes) -> Any:
    """YAML of bounded size, without aliases: a few of them can stand for gigabytes. Raises Unreadable."""
    if len(text) > LARGEST:
        raise Unreadable(f"the YAML has more than {LARGEST} bytes")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise Unreadable("the YAML has aliases")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"not YAML: {str(error)[:120]}") from None


def read(encoded: object) -> Kubeconfig:
    """The current context, followed as a client does. Raises Unreadable."""
    whole = document(encoded)
    context = _named(whole, "contexts", whole.get("current-context"), "context")
    cluster = _named(whole, "clusters", member(context, "cluster"), "cluster")
    user = _named(whole, "users", member(context, "user"), "user")
    authority = _pem(cluster, "certificate-authority-data")
    try:
        chain = tuple(x509.load_pem_x509_certificates(authority)) if authority else ()
        leaf = x509.load_pem_x509_certificate(_pem(user, "client-certificate-data") or b"")
        key = load_pem_private_key(_pem(user, "client-key-data") or b"", None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unreadable(f"a certificate or key is not PEM that can be read: {str(error)[:120]}") from None
    return Kubeconfig(
        server=str(member(cluster, "server")),
        authority=chain,
        insecure=member(cluster, "insecure-skip-tls-verify") is True,
        certificate=leaf,
        key=key,
        namespace=member(context, "namespace"),
    )


def _named(whole: dict[str, Any], kind: str, name: object, inside: str) -> object:
    found = [member(row, inside) for row in listed(whole.get(kind)) if member(row, "name") == name]
    if not is_filled(name) or len(found) != 1 or not isinstance(found[0], dict):
        raise Unreadable(f"{kind} does not have the one entry that the current context leads to")
    return found[0]


def _pem(row: object, name: str) -> bytes | None:
    coded = member(row, name)
    if coded is None:
        return None
    try:
        return base64.b64decode(str(coded), validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable(f"{name} is not base64") from None


def unsafe(found: Kubeconfig) -> list[str]:
    """How a client would not know whom it talks to."""
    wrong = []
    if urlsplit(found.server).scheme != "https" or not urlsplit(found.server).hostname:
        wrong.append(f"the server is {found.server[:120]!r}, no https URL")
    if found.insecure:
        wrong.append("TLS of the server is not to be verified")
    if not found.authority:
        wrong.append("no authority is named by which the server is known")
    return wrong


def mistaken(found: Kubeconfig, spiffe_id: object, lease_id: str) -> list[str]:
    """How the certificate is not the X.509-SVID of the answer's SPIFFE id."""
    names = _uris(found.certificate)
    wrong = [] if names == [spiffe_id] else [f"the certificate names {names}, the answer {spiffe_id!r}"]
    if not isinstance(spiffe_id, str) or not _SPIFFE.fullmatch(spiffe_id) or len(spiffe_id) > 2048:
        wrong.append(f"{str(spiffe_id)[:120]!r} is no SPIFFE id")
    elif lease_id not in spiffe_id.split("/"):
        wrong.append(f"{spiffe_id} does not name the lease {lease_id}")
    return wrong + _beyond_a_leaf(found.certificate)


def _beyond_a_leaf(certificate: x509.Certificate) -> list[str]:
    wrong = []
    basic, usage, extended = (_extension(certificate, kind) for kind in _LEAF)
    if basic is not None and basic.ca:
        wrong.append("the certificate is that of an authority")
    if usage is None or not usage.digital_signature or usage.key_cert_sign or usage.crl_sign:
        wrong.append("the key usage is not that of a leaf: signatures, and neither certificates nor CRLs")
    if extended is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in extended:
        wrong.append("the certificate is not for clients")
    return wrong


_LEAF = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage)


def _uris(certificate: x509.Certificate) -> list[str]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    return [] if names is None else list(names.get_values_for_type(x509.UniformResourceIdentifier))


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None


def fits(found: Kubeconfig) -> bool:
    """Whether the key is the certificate's."""
    return bool(found.key.public_key() == found.certificate.public_key())


def untimely(found: Kubeconfig, expires: datetime | None, ttl_s: int, between: tuple[datetime, datetime]) -> list[str]:
    """How it does not live from now to `expires`. `between`: before and after it was asked for, by their clock."""
    if expires is None:
        return ["expires_at is no moment"]
    wrong, (before, after) = [], between
    if abs(found.certificate.not_valid_after_utc - expires) > MINUTE:
        wrong.append(f"the certificate ends at {found.certificate.not_valid_after_utc}, expires_at is {expires}")
    if found.certificate.not_valid_before_utc > after + MINUTE:
        wrong.append(f"the certificate begins at {found.certificate.not_valid_before_utc}, which is later")
    life = timedelta(seconds=ttl_s)
    if not before + life - MINUTE <= expires <= after + life + MINUTE:
        wrong.append(f"{ttl_s} seconds were due, and it lives until {expires}, asked for at {after}")
    return wrong
