"""A Talos machine configuration as it was downloaded: its shape, and whether its secrets are what they should be."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from harness.judge.chat import is_filled, member
from harness.judge.kubeconfig import LARGEST, Unreadable

MEDIA_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")
_KINDS = frozenset({"controlplane", "worker", "init"})
_SECRET_NAMES = frozenset({"key", "token", "secret", "secretboxEncryptionSecret", "aescbcEncryptionSecret"})
_ED25519 = b"ED25519 PRIVATE KEY"  # Talos's own label; inside is PKCS #8


def read(body: bytes) -> dict[str, Any]:
    """The machine configuration among the documents of the stream. Raises Unreadable."""
    if len(body) > LARGEST:
        raise Unreadable(f"the YAML has more than {LARGEST} bytes")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(body, Loader=yaml.SafeLoader)):
            raise Unreadable("the YAML has aliases")
        documents = list(yaml.safe_load_all(body))
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable(f"not YAML: {str(error)[:120]}") from None
    found = [one for one in documents if isinstance(one, dict) and "machine" in one]
    if len(found) != 1:
        raise Unreadable(f"{len(found)} of its {len(documents)} documents are machine configurations")
    return dict(found[0])


def misshapen(config: dict[str, Any]) -> list[str]:
    """What `talosctl validate` would refuse: version, kind of machine, endpoint, authorities, tokens."""
    wrong = [] if config.get("version") == "v1alpha1" else [f"version is {config.get('version')!r}"]
    machine, cluster = config.get("machine"), config.get("cluster")
    kind = str(member(machine, "type"))
    if kind not in _KINDS:
        wrong.append(f"machine.type is {kind!r}")
    endpoint = member(member(cluster, "controlPlane"), "endpoint")
    if not is_filled(endpoint) or not endpoint.startswith("https://"):
        wrong.append(f"cluster.controlPlane.endpoint is {endpoint!r}, no https URL")
    for where, part in (("machine", machine), ("cluster", cluster)):
        if not is_filled(member(member(part, "ca"), "crt")):
            wrong.append(f"{where}.ca.crt is missing")
    if not is_filled(member(member(machine, "install"), "disk")) and "diskSelector" not in (_install(machine)):
        wrong.append("machine.install names no disk")
    return wrong


def _install(machine: object) -> dict[str, Any]:
    found = member(machine, "install")
    return found if isinstance(found, dict) else {}


def unsound(config: dict[str, Any]) -> list[str]:
    """Secrets that cannot be used: authorities that are none, keys of others or used twice, tokens of another form."""
    wrong, keys = [], []
    for name, pair in authorities(config).items():
        try:
            certificate, key = _certificate(pair), _key(pair)
        except Unreadable as error:
            wrong.append(f"{name}: {error}")
            continue
        keys.append(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        if not _is_authority(certificate):
            wrong.append(f"{name}: the certificate is that of no authority, or not signed by its key")
        if key is not None and key.public_key() != certificate.public_key():
            wrong.append(f"{name}: the key is not the certificate's")
    if len(set(keys)) != len(keys):
        wrong.append("two authorities have one key")
    tokens = {where: str(member(config.get(where), "token")) for where in ("machine", "cluster")}
    return wrong + [f"{where}.token has not the form of one" for where, t in tokens.items() if not _TOKEN.fullmatch(t)]


def authorities(config: dict[str, Any]) -> dict[str, object]:
    """The pairs of certificate and key that are there, by their place."""
    cluster = config.get("cluster")
    found = {
        "machine.ca": member(config.get("machine"), "ca"),
        "cluster.ca": member(cluster, "ca"),
        "cluster.aggregatorCA": member(cluster, "aggregatorCA"),
        "cluster.etcd.ca": member(member(cluster, "etcd"), "ca"),
    }
    return {name: pair for name, pair in found.items() if pair is not None}


def identity(config: dict[str, Any]) -> dict[str, object]:
    """What makes a cluster itself: its id, and the certificates of its authorities."""
    certificates = {name: member(pair, "crt") for name, pair in authorities(config).items()}
    return {"cluster.id": member(config.get("cluster"), "id"), **certificates}


def secrets(value: object) -> list[str]:
    """Every key, token and secret in the document."""
    if isinstance(value, list):
        return [found for one in value for found in secrets(one)]
    if not isinstance(value, dict):
        return []
    own = [text for name, text in value.items() if name in _SECRET_NAMES and is_filled(text)]
    return own + [found for one in value.values() for found in secrets(one)]


def _certificate(pair: object) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_decoded(member(pair, "crt")))
    except ValueError as error:
        raise Unreadable(f"crt is no certificate: {str(error)[:80]}") from None


def _key(pair: object) -> Any:
    """The private key, None where it is withheld: empty, as on workers."""
    coded = member(pair, "key")
    if coded in (None, ""):
        return None
    pem = _decoded(coded)
    try:
        if _ED25519 in pem:
            inside = b"".join(line for line in pem.splitlines() if not line.startswith(b"-----"))
            return load_der_private_key(base64.b64decode(inside), None)
        return load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unreadable(f"key is no private key: {str(error)[:80]}") from None


def _decoded(coded: object) -> bytes:
    try:
        return base64.b64decode(str(coded), validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("not base64") from None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound, UnsupportedAlgorithm):
        return False
