"""Programs that may sign people in. All are public clients: none has a secret."""

from __future__ import annotations

from dataclasses import dataclass

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CODE = "authorization_code"
REDIRECT_URI = "http://127.0.0.1:8400/callback"


@dataclass(frozen=True, slots=True)
class Client:
    id: str
    grants: tuple[str, ...]
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...] = ()


CLIENTS = (
    Client("volt-cli", (DEVICE,), ("read", "write")),
    Client("volt-console", (CODE,), ("openid", "read", "write"), (REDIRECT_URI, "http://localhost:8400/callback")),
)


def find_client(client_id: str) -> Client | None:
    return next((client for client in CLIENTS if client.id == client_id), None)
