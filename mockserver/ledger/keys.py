"""Keys by the SHA-256 of their secret, which is all that is kept of it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection
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

    def number(self) -> int:
        """The next number to call a key by; no other process gets the same, and none comes back after a restart."""
        return int(self._db.execute("INSERT INTO issued DEFAULT VALUES RETURNING n").fetchone()[0])

    def start(self, secret: str, key_id: str, account: str, *, revoked: bool) -> None:
        """A key that the mock always has. One that is there stays as it is, live or revoked."""
        query = (
            "INSERT INTO keys VALUES (?, ?, ?, NULL, ?) ON CONFLICT (digest) DO NOTHING"
            " ON CONFLICT (key_id) DO UPDATE SET digest = excluded.digest, revoked = excluded.revoked"
        )
        self._db.execute(query, (digest(secret), key_id, account, revoked))

    def only(self, key_ids: Collection[str]) -> None:
        """From now on these keys are live and no other."""
        names = ", ".join("?" * len(key_ids))
        self._db.execute(f"UPDATE keys SET revoked = key_id NOT IN ({names})", tuple(key_ids))  # noqa: S608 - marks


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
