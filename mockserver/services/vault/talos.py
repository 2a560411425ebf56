"""Talos machine configuration of a rack, as `talosctl apply-config` takes it, with a PKI of the rack's own."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mockserver.services.vault.racks import Rack

TALOS, KUBERNETES = "v1.11.5", "v1.34.2"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_TEN_YEARS = timedelta(days=3650)
Bundle = Mapping[str, Any]


def new_bundle(now: datetime) -> dict[str, Any]:
    """The secrets of one cluster, as `talosctl gen secrets` makes them: four authorities, tokens, keys."""
    return {
        "id": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "secret": _random(),
        "secretbox": _random(),
        "machine_token": _token(),
        "bootstrap_token": _token(),
        "os": _authority("talos", ed25519.Ed25519PrivateKey.generate(), now),
        "kubernetes": _authority("kubernetes", ec.generate_private_key(ec.SECP256R1()), now),
        "aggregator": _authority("front-proxy", ec.generate_private_key(ec.SECP256R1()), now),
        "etcd": _authority("etcd", ec.generate_private_key(ec.SECP256R1()), now),
        "service_account": _coded(_key_pem(ec.generate_private_key(ec.SECP256R1()))),
    }


def packed(bundle: Bundle) -> str:
    return json.dumps(bundle, sort_keys=True)


def unpacked(text: str) -> dict[str, Any]:
    bundle: dict[str, Any] = json.loads(text)
    return bundle


def document(rack: Rack, bundle: Bundle, hostnames: list[str]) -> dict[str, Any]:
    """v1alpha1. Where Volt runs Kubernetes the nodes are workers, and no key of an authority leaves its hands."""
    return {
        "version": "v1alpha1",
        "debug": False,
        "persist": True,
        "machine": _machine(rack, bundle, hostnames),
        "cluster": _cluster(rack, bundle),
    }


def write(config: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(config), sort_keys=False, width=10_000).encode()


def _machine(rack: Rack, bundle: Bundle, hostnames: list[str]) -> dict[str, Any]:
    return {
        "type": "worker" if rack.managed else "controlplane",
        "token": bundle["machine_token"],
        "ca": _shown(bundle["os"], rack),
        "certSANs": [_endpoint(rack), *hostnames],
        "kubelet": {
            "image": f"ghcr.io/siderolabs/kubelet:{KUBERNETES}",
            "defaultRuntimeSeccompProfileEnabled": True,
            "disableManifestsDirectory": True,
        },
        "network": {},
        "install": {"disk": "/dev/nvme0n1", "image": f"ghcr.io/siderolabs/installer:{TALOS}", "wipe": False},
        "nodeLabels": {"topology.volt.cloud/metro": rack.metro, "topology.volt.cloud/rack": rack.id},
        "systemDiskEncryption": {"state": _encrypted(), "ephemeral": _encrypted()},
        "features": {"diskQuotaSupport": True, "kubePrism": {"enabled": True, "port": 7445}},
    }


def _cluster(rack: Rack, bundle: Bundle) -> dict[str, Any]:
    shared = {
        "id": bundle["id"],
        "secret": bundle["secret"],
        "controlPlane": {"endpoint": f"https://{_endpoint(rack)}:6443"},
        "clusterName": rack.id,
        "network": {"dnsDomain": "cluster.local", "podSubnets": ["10.244.0.0/16"], "serviceSubnets": ["10.96.0.0/12"]},
        "token": bundle["bootstrap_token"],
        "ca": _shown(bundle["kubernetes"], rack),
        "discovery": {"enabled": True, "registries": {"service": {"disabled": True}}},  # nothing leaves the rack
    }
    if rack.managed:
        return shared
    return {
        **shared,
        "secretboxEncryptionSecret": bundle["secretbox"],
        "aggregatorCA": dict(bundle["aggregator"]),
        "serviceAccount": {"key": bundle["service_account"]},
        "apiServer": {"image": f"registry.k8s.io/kube-apiserver:{KUBERNETES}", "certSANs": [_endpoint(rack)]},
        "controllerManager": {"image": f"registry.k8s.io/kube-controller-manager:{KUBERNETES}"},
        "proxy": {"image": f"registry.k8s.io/kube-proxy:{KUBERNETES}"},
        "scheduler": {"image": f"registry.k8s.io/kube-scheduler:{KUBERNETES}"},
        "etcd": {"ca": dict(bundle["etcd"])},
    }


def _endpoint(rack: Rack) -> str:
    return f"{rack.pod}.vault.invalid"


def _encrypted() -> dict[str, Any]:
    return {"provider": "luks2", "keys": [{"slot": 0, "tpm": {}}]}


def _shown(authority: Mapping[str, str], rack: Rack) -> dict[str, str]:
    return {"crt": authority["crt"], "key": "" if rack.managed else authority["key"]}


def _authority(name: str, key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, now: datetime) -> dict[str, str]:
    """A root as Talos makes it, in base64 of PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _TEN_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    made = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return {"crt": _coded(made.public_bytes(Encoding.PEM)), "key": _coded(_key_pem(key))}


def _key_pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Talos writes its own label around the PKCS #8 of an Ed25519 key, and SEC 1 for the others."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.replace(b"PRIVATE KEY", b"ED25519 PRIVATE KEY")


def _random() -> str:
    return _coded(secrets.token_bytes(32))


def _token() -> str:
    return ".".join("".join(secrets.choice(_ALPHABET) for _ in range(length)) for length in (6, 16))


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()
