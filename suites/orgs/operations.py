"""The operations that the vendor's page lists; `{}` stands for a parameter."""

from __future__ import annotations

from typing import Final

LISTED: Final = (
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{}"),
    ("POST", "/v1/fine-tuning/jobs"),
    ("GET", "/v1/fine-tuning/jobs/{}"),
    ("GET", "/v1/forge/availability"),
    ("POST", "/v1/forge/leases"),
    ("GET", "/v1/forge/leases"),
    ("GET", "/v1/forge/leases/{}"),
    ("DELETE", "/v1/forge/leases/{}"),
    ("POST", "/v1/forge/leases/{}/kubeconfig"),
    ("POST", "/v1/vault/racks"),
    ("GET", "/v1/vault/racks"),
    ("GET", "/v1/vault/racks/{}"),
    ("POST", "/v1/vault/racks/{}/redfish-credentials"),
    ("GET", "/v1/vault/racks/{}/talos-config"),
    ("GET", "/v1/vault/racks/{}/attestation"),
    ("GET", "/v1/usage"),
    ("GET", "/v1/orgs/{}/api-keys"),
)
