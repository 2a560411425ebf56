"""Keys by the SHA-256 of their secret, which is all that is kept of it."""

from __future__ import annotations

import functools
import hashlib
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    digest: str
    key_id: str
    account: str
    requests_per_minute: int | None


class Keys:
    """Where others share the database they are read every time: another process may have made or ended one."""

    def __init__(self, db: sqlite3.Connection, *, shared: bool) -> None:
        self._db, self._shared = db, shared
        self._found: dict[str, Key] = {}  # since the last change, where nobody else can make one

    def add(self, secret: str, key_id: str, account: str, requests_per_minute: int | None) -> Key:
        """A live key; one with the same secret or id is replaced."""
        key = Key(digest(secret), key_id, account, requests_per_minute)
        row = (key.digest, key_id, account, requests_per_minute)
        self._change("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, 0)", row)
        return key

    def find(self, secret: str) -> Key | None:
        """The live key with this secret."""
        known = self._found.get(name := digest(secret))
        return known or self._read(name)

    def _read(self, name: str) -> Key | None:
        query = "SELECT digest, key_id, account, rpm FROM keys WHERE digest = ? AND NOT revoked"
        row = self._db.execute(query, (name,)).fetchone()
        if row is None:
            return None
        key = Key(*row)
        if not self._shared:
            self._found[name] = key
        return key

    def revoke(self, key_id: str) -> bool:
        """True when a live key was revoked."""
        query = "UPDATE keys SET revoked = 1 WHERE key_id = ? AND NOT revoked"
        return bool(self._change(query, (key_id,)))

    def number(self) -> int:
        """The next number to call a key by; no other process gets the same, and none comes back after a restart."""
        return int(self._db.execute("INSERT INTO issued DEFAULT VALUES RETURNING n").fetchone()[0])

    def start(self, secret: str, key_id: str, account: str, *, revoked: bool) -> None:
        """A key that the mock always has. One that is there stays as it is, live or revoked."""
        query = (
            "INSERT INTO keys VALUES (?, ?, ?, NULL, ?) ON CONFLICT (digest) DO NOTHING"
            " ON CONFLICT (key_id) DO UPDATE SET digest = excluded.digest, revoked = excluded.revoked"
        )
        self._change(query, (digest(secret), key_id, account, revoked))

    def only(self, key_ids: Collection[str]) -> None:
        """From now on these keys are live and no other."""
        names = ", ".join("?" * len(key_ids))
        self._change(f"UPDATE keys SET revoked = key_id NOT IN ({names})", tuple(key_ids))  # noqa: S608 - marks

    def _change(self, query: str, row: tuple[Any, ...]) -> int:
        """Number of keys changed."""
        self._found.clear()
        return self._db.execute(query, row).rowcount


@functools.lru_cache(maxsize=1024)
def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
