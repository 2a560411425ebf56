"""Evidence of a live endpoint for a nonce of our own, and the certificate it came under. Judges nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

from harness.budget import Budget
from harness.exchange import TargetFault
from harness.journal import Journal
from harness.redact import Redactor
from harness.target import Limits, Secret, Target, secret_in
from harness.wire import Client

NONCE_BYTES = 32
LIMITS = replace(Limits(), max_body_bytes=4 * 1024 * 1024)  # as for a file


class LiveError(ValueError):
    """An endpoint that gave no evidence, or a request that cannot be made; the message names what to do."""


@dataclass(frozen=True)
class Fetched:
    raw: bytes
    nonce: bytes
    certificate: bytes | None  # DER of the leaf; None without TLS


@dataclass(frozen=True)
class Endpoint:
    """Where evidence is asked for, and with what. `key_env` names the variable that holds the API key."""

    url: str
    model: str | None = None
    algo: str = "ecdsa"
    key_env: str | None = None
    ca_bundle: Path | None = None

    def asking(self, nonce: bytes) -> str:
        query = {"model": self.model, "nonce": nonce.hex(), "signing_algo": self.algo}
        given = urlencode({name: value for name, value in query.items() if value is not None})
        return f"{self.url}{'&' if '?' in self.url else '?'}{given}"


def fetch(endpoint: Endpoint, nonce: bytes | None = None) -> Fetched:
    """Ask once, for a nonce that nobody can have seen before unless one is given. Raises LiveError, TargetError."""
    key, sent = _key(endpoint.key_env), nonce or secrets.token_bytes(NONCE_BYTES)
    redactor = Redactor([key] if key else [])
    target = Target("evidence", endpoint.url, ca_bundle=endpoint.ca_bundle, limits=LIMITS)
    client = Client(target, redactor, Budget(Decimal(0)), Journal(redactor=redactor))
    headers = [("Authorization", f"Bearer {key.reveal()}")] if key else []
    try:
        found = client.exchange("evidence", "GET", endpoint.asking(sent), headers)
        body = found.answered().body
    except (TargetFault, ValueError) as error:
        raise LiveError(f"{endpoint.url}: {error}") from error
    finally:
        client.close()
    if found.fault is not None:
        raise LiveError(f"{endpoint.url}: {found.fault.message}")
    if found.status != 200:
        raise LiveError(f"{endpoint.url} was answered with {found.status}{_hint(found.status)}")
    return Fetched(body, sent, found.certificate)


def _key(variable: str | None) -> Secret | None:
    if variable is None:
        return None
    return secret_in(variable, "--key-env")


def _hint(status: int) -> str:
    if status in (401, 403):
        return ": name the variable that holds the API key by --key-env"
    if 300 <= status < 400:
        return ": evidence is not taken from where somebody points; give the URL it redirects to, if that is meant"
    return ": name a model by --model" if status in (400, 404, 422) else ""
