"""Finished completions by id, with their votes. The newest ones; a reset ends all of them."""

from __future__ import annotations

import sqlite3

KEPT, OFTEN = 50_000, 500  # completions in all, which are thinned out so often
SCHEMA = """
CREATE TABLE IF NOT EXISTS completions (
  id TEXT PRIMARY KEY, account TEXT NOT NULL, document BLOB NOT NULL, finished REAL NOT NULL, vote TEXT);
"""


class Completions:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def keep(self, completion_id: str, account: str, document: bytes, now: float) -> None:
        row = self._db.execute(
            "INSERT OR REPLACE INTO completions VALUES (?, ?, ?, ?, NULL)", (completion_id, account, document, now)
        )
        if (row.lastrowid or 0) % OFTEN == 0:
            self._db.execute("DELETE FROM completions WHERE rowid <= ?", ((row.lastrowid or 0) - KEPT,))

    def find(self, completion_id: str, account: str, since: float) -> bytes | None:
        """The document, if it is this account's and was finished since then."""
        row = self._db.execute(
            "SELECT document FROM completions WHERE id = ? AND account = ? AND finished >= ?",
            (completion_id, account, since),
        ).fetchone()
        return bytes(row[0]) if row else None

    def vote(self, completion_id: str, vote: str) -> None:
        """The last vote is the one that counts."""
        self._db.execute("UPDATE completions SET vote = ? WHERE id = ?", (vote, completion_id))

    def reset(self) -> None:
        self._db.execute("DELETE FROM completions")
