"""A kubeconfig for one lease: who the holder is, where the cluster answers, and the namespace that is the lease's."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

import yaml

from mockserver.services.forge.authority import Leaf


@dataclass(frozen=True)
class Access:
    """Everything a kubeconfig says. `authority` is the PEM by which the API server is known."""

    cluster: str
    server: str
    authority: bytes
    user: str
    leaf: Leaf
    namespace: str


@dataclass(frozen=True)
class Minted:
    """A kubeconfig, for whom it is, and until when."""

    access: Access
    spiffe_id: str
    expires: datetime


def write(access: Access) -> bytes:
    """The YAML that kubectl and the client libraries read."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": access.cluster, "cluster": cluster(access)}],
            "users": [{"name": access.user, "user": user(access)}],
            "contexts": [{"name": access.namespace, "context": context(access)}],
            "current-context": access.namespace,
        },
        sort_keys=False,
    ).encode()


def cluster(access: Access) -> dict[str, str]:
    return {"server": access.server, "certificate-authority-data": _coded(access.authority)}


def user(access: Access) -> dict[str, str]:
    return {"client-certificate-data": _coded(access.leaf.pem()), "client-key-data": _coded(access.leaf.key_pem())}


def context(access: Access) -> dict[str, str]:
    return {"cluster": access.cluster, "user": access.user, "namespace": access.namespace}


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()
