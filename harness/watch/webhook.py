"""Alerts on their way: signed as Standard Webhooks has it, tried again, and kept until somebody took them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from harness import whole
from harness.target import Secret

TRIES = 3
PAUSE_S = 1.0  # before the second try; twice as long before the third
TIMEOUT_S = 10.0
MOST_KEPT = 1000  # alerts that wait; the oldest goes first
SECRET_PREFIX = "whsec_"  # noqa: S105 - how such secrets are spelled


def signature(secret: Secret, name: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, time and body."""
    signed = hmac.new(key_of(secret), f"{name}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed.digest()).decode()


def key_of(secret: Secret) -> bytes:
    """A secret that starts with whsec_ is base64. Raises ValueError, without the secret, where it is not."""
    value = secret.reveal()
    if not value.startswith(SECRET_PREFIX):
        return value.encode()
    try:
        return base64.b64decode(value.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raise ValueError(f"{secret.name}: what follows {SECRET_PREFIX} is not base64") from None


@dataclass(frozen=True)
class Webhook:
    """Where alerts go. What is not taken waits in `waiting`, one JSON document a line, and goes out with the next."""

    url: str
    secret: Secret | None
    waiting: Path
    pause_s: float = PAUSE_S

    @property
    def host(self) -> str:
        """Where it is; its path may be a secret. Empty for what is no URL of HTTP. Raises ValueError."""
        try:
            httpx.URL(self.url)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ValueError("expected a URL") from error
        parts = urlsplit(self.url)
        where = f"{parts.hostname or ''}{'' if parts.port is None else f':{parts.port}'}"
        return where if parts.scheme in ("http", "https") else ""

    def send(self, alert: Mapping[str, Any]) -> bool:
        """Hand over everything that waits, then this alert. False when some of it still waits."""
        kept = [json.loads(line) for line in self.waiting.read_text().splitlines()] if self.waiting.is_file() else []
        due = [*kept, {"id": "msg_" + secrets.token_hex(12), "alert": dict(alert)}][-MOST_KEPT:]
        self._keep(due)
        while due and self._delivered(due[0]):
            due.pop(0)
            self._keep(due)
        return not due

    def _keep(self, due: list[dict[str, Any]]) -> None:
        whole.write(self.waiting, "".join(json.dumps(one) + "\n" for one in due))

    def _delivered(self, message: Mapping[str, Any]) -> bool:
        body = json.dumps(message["alert"]).encode()
        for n in range(TRIES):
            if n:
                time.sleep(self.pause_s * 2 ** (n - 1))
            try:
                headers = self._headers(message["id"], body)
                with httpx.stream("POST", self.url, content=body, headers=headers, timeout=TIMEOUT_S) as answer:
                    taken = answer.is_success  # the status says it; a body may have no end, and nobody reads it
            except (httpx.HTTPError, UnicodeError):  # some names of hosts are known to be none when they are looked up
                continue
            if taken:
                return True
        return False

    def _headers(self, name: str, body: bytes) -> dict[str, str]:
        now = int(time.time())
        headers = {"Content-Type": "application/json", "webhook-id": name, "webhook-timestamp": str(now)}
        if self.secret is not None:
            headers["webhook-signature"] = signature(self.secret, name, now, body)
        return headers
