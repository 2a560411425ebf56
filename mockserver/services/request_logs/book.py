"""The log: one row a request, the newest ones. It is given no secret to keep."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
  n INTEGER PRIMARY KEY, account TEXT NOT NULL, at REAL NOT NULL, method TEXT NOT NULL,
  endpoint TEXT NOT NULL, request_headers TEXT NOT NULL, request_body TEXT NOT NULL, response_body TEXT NOT NULL,
  response_code INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS requests_at ON requests (account, at);
"""
MOST = 1000  # rows of one answer
KEPT, OFTEN = 50_000, 500  # rows of the whole log, which is shortened so often


class Entry(NamedTuple):
    account: str
    at: float  # unix seconds
    method: str
    endpoint: str
    request_headers: str
    request_body: str
    response_body: str
    response_code: int


class Book:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, entry: Entry) -> None:
        names = ", ".join(Entry._fields)
        marks = ", ".join("?" * len(Entry._fields))
        row = self._db.execute(f"INSERT INTO requests ({names}) VALUES ({marks})", entry)  # noqa: S608 - names of our own
        if (row.lastrowid or 0) % OFTEN == 0:
            self._db.execute("DELETE FROM requests WHERE n <= ?", ((row.lastrowid or 0) - KEPT,))

    def between(self, account: str, since: float, until: float) -> list[Entry]:
        """Oldest first; of more than can be told, the newest."""
        names = ", ".join(Entry._fields)
        rows = self._db.execute(
            f"SELECT {names} FROM requests WHERE account = ? AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT ?",  # noqa: S608
            (account, since, until, MOST),
        )
        return [Entry(*row) for row in rows][::-1]

    def reset(self) -> None:
        self._db.execute("DELETE FROM requests")
