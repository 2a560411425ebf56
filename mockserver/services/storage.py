"""Where services keep what must survive: the mock's state file, or memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path

BUSY_S = 30.0  # how long a process waits for another one's transaction


class Storage:
    """One state file for all services of a mock. Tables are made when they are not there yet."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._open: list[sqlite3.Connection] = []

    def connect(self, schema: str) -> sqlite3.Connection:
        """A connection of one's own, in autocommit: `CREATE TABLE IF NOT EXISTS` statements are run first.

        A statement that has returned is on its way to the disk: a killed process loses nothing, a fallen machine could.
        """
        db = sqlite3.connect(self.path or ":memory:", BUSY_S, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(schema)
        self._open.append(db)
        return db

    def close(self) -> None:
        while self._open:
            self._open.pop().close()
