"""Which requests were served, when and where. What each cost is the ledger's to say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS spark_served (
  request_id TEXT PRIMARY KEY, account TEXT NOT NULL, at REAL NOT NULL, model TEXT NOT NULL, tier TEXT NOT NULL,
  metro TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS spark_served_when ON spark_served (account, at);
"""


class Request(NamedTuple):
    request_id: str
    at: float  # unix seconds
    model: str
    tier: str
    metro: str


class Served:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, request_id: str, account: str, at: float, model: str, tier: str, metro: str) -> None:
        row = (request_id, account, at, model, tier, metro)
        self._db.execute("INSERT INTO spark_served VALUES (?, ?, ?, ?, ?, ?)", row)

    def forget(self, request_id: str) -> None:
        self._db.execute("DELETE FROM spark_served WHERE request_id = ?", (request_id,))

    def between(self, account: str | None, start: float, end: float) -> Iterator[Request]:
        """Requests of an account, or of all, from `start` until before `end`."""
        query = (
            "SELECT request_id, at, model, tier, metro FROM spark_served"
            " WHERE (?1 IS NULL OR account = ?1) AND at >= ?2 AND at < ?3 ORDER BY at"
        )
        yield from (Request(*row) for row in self._db.execute(query, (account, start, end)))

    def reset(self) -> None:
        self._db.execute("DELETE FROM spark_served")
