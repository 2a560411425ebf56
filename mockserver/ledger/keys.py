"""Keys by the SHA-256 of their secret, which is all that is kept of it."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    digest: str
    key_id: str
    account: str
    requests_per_minute: int | None


class Keys:
    """Read from the database every time: another process may have made or ended one."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, secret: str, key_id: str, account: str, requests_per_minute: int | None) -> Key:
        """A live key; one with the same secret or id is replaced."""
        key = Key(digest(secret), key_id, account, requests_per_minute)
        row = (key.digest, key_id, account, requests_per_minute)
        self._db.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, 0)", row)
        return key

    def find(self, secret: str) -> Key | None:
        """The live key with this secret."""
        query = "SELECT digest, key_id, account, rpm FROM keys WHERE digest = ? AND NOT revoked"
        row = self._db.execute(query, (digest(secret),)).fetchone()
        return Key(*row) if row else None

    def revoke(self, key_id: str) -> bool:
        """True when a live key was revoked."""
        query = "UPDATE keys SET revoked = 1 WHERE key_id = ? AND NOT revoked"
        return bool(self._db.execute(query, (key_id,)).rowcount)

    def revoke_all(self) -> None:
        """End every key; those of the start are added again by whoever calls this."""
        self._db.execute("UPDATE keys SET revoked = 1")


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
