"""What keys and access tokens may do and until when. Their secrets are the ledger's, which keeps digests."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

KEY, TOKEN = "key", "token"
SCHEMA = """
CREATE TABLE IF NOT EXISTS org_credentials (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, prefix TEXT NOT NULL,
  scopes TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, subject TEXT);
"""


@dataclass(frozen=True, slots=True)
class Credential:
    """A key or a token without its secret; times in unix seconds. `subject` is the person a token was given to."""

    id: str
    kind: str
    account: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created: float
    expires: float
    subject: str | None = None


class Credentials:
    """A key that is not here, as those that the mock starts with, may do everything."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, made: Credential) -> None:
        row = (made.id, made.kind, made.account, made.name, made.prefix, json.dumps(made.scopes))
        query = "INSERT INTO org_credentials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._db.execute(query, (*row, made.created, made.expires, made.subject))

    def get(self, credential_id: str) -> Credential | None:
        row = self._db.execute("SELECT * FROM org_credentials WHERE id = ?", (credential_id,)).fetchone()
        return _credential(row) if row else None

    def keys(self, account: str | None) -> list[Credential]:
        """Keys of an account, or of all, oldest first."""
        query = "SELECT * FROM org_credentials WHERE kind = 'key' AND (?1 IS NULL OR account = ?1) ORDER BY created, id"
        return [_credential(row) for row in self._db.execute(query, (account,))]

    def remove(self, credential_id: str) -> None:
        self._db.execute("DELETE FROM org_credentials WHERE id = ?", (credential_id,))

    def clear(self) -> None:
        self._db.execute("DELETE FROM org_credentials")


def _credential(row: sqlite3.Row) -> Credential:
    values = dict(row)
    return Credential(**{**values, "scopes": tuple(json.loads(values["scopes"]))})
