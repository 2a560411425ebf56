"""Pictures that were answered by address, for as long as the address is good."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockserver.services.storage import Storage
    from mockserver.state import State

KEPT = 64  # pictures; the oldest goes first
_SCHEMA = "CREATE TABLE IF NOT EXISTS images (n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, png BLOB NOT NULL)"


class Kept:
    def __init__(self, storage: Storage, state: State) -> None:
        self._db = storage.connect(_SCHEMA)

    def reset(self) -> None:
        self._db.execute("DELETE FROM images")

    def keep(self, png: bytes) -> str:
        """A name that nobody can guess: whoever has it may fetch the picture."""
        name = secrets.token_urlsafe(24)
        self._db.execute("INSERT INTO images (id, png) VALUES (?, ?)", (name, png))
        self._db.execute("DELETE FROM images WHERE n <= (SELECT max(n) FROM images) - ?", (KEPT,))
        return name

    def get(self, name: str) -> bytes | None:
        row = self._db.execute("SELECT png FROM images WHERE id = ?", (name,)).fetchone()
        return None if row is None else bytes(row["png"])
