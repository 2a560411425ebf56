"""The vector index: sqlite-vec by cosine distance, in memory. The state file has the vectors, this only finds them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import apsw  # the interpreter's own sqlite3 is often built without loadable extensions
import sqlite_vec


class Match(NamedTuple):
    """An item's number, and the cosine of the angle to what was searched: 1 is the same direction."""

    n: int
    similarity: float


class Index:
    """Vectors of one dimension in spaces that never see each other."""

    def __init__(self, dimension: int) -> None:
        self._db = apsw.Connection(":memory:")
        self._db.enable_load_extension(True)
        self._db.load_extension(sqlite_vec.loadable_path())
        self._db.enable_load_extension(False)
        self._db.execute(
            "CREATE VIRTUAL TABLE vectors USING vec0("
            f"space TEXT partition key, vector float[{dimension}] distance_metric=cosine)"
        )

    def add(self, n: int, space: str, vector: bytes) -> None:
        self._db.execute("INSERT INTO vectors (rowid, space, vector) VALUES (?, ?, ?)", (n, space, vector))

    def remove(self, n: int) -> None:
        self._db.execute("DELETE FROM vectors WHERE rowid = ?", (n,))

    def clear(self) -> None:
        self._db.execute("DELETE FROM vectors")

    def nearest(self, space: str, vector: bytes, most: int) -> list[Match]:
        """The nearest first; equally near ones in the order they were added."""
        found = self._db.execute(
            "SELECT rowid, distance FROM vectors WHERE space = ? AND vector MATCH ? AND k = ? ORDER BY distance",
            (space, vector, most),
        )
        return [Match(n, 1 - distance) for distance, n in sorted((distance, n) for n, distance in found)]


def packed(vector: Sequence[float]) -> bytes:
    """32-bit floats, little-endian, as the index and the state file keep them."""
    return struct.pack(f"<{len(vector)}f", *vector)
