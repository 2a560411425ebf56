"""Collections, items and files of all accounts: tables in the state file, and the index over the items' vectors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from mockserver.ledger.store import Transaction
from mockserver.services.storage import Storage
from mockserver.services.vector_store.index import Index, Match

_SCHEMA = """
CREATE TABLE IF NOT EXISTS collections (
  n INTEGER PRIMARY KEY, account TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL,
  UNIQUE (account, id));
CREATE TABLE IF NOT EXISTS files (
  n INTEGER PRIMARY KEY, account TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
  filename TEXT NOT NULL, data BLOB, created REAL NOT NULL, status TEXT NOT NULL, error TEXT,
  items INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS items (
  n INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
  file TEXT, description TEXT NOT NULL, content TEXT NOT NULL, created REAL NOT NULL, vector BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS items_of ON items (account, collection);
CREATE INDEX IF NOT EXISTS files_of ON files (account, collection);
"""


@dataclass(frozen=True, slots=True)
class Collection:
    account: str
    id: str
    name: str
    created: float  # unix seconds

    @property
    def space(self) -> str:
        """Of the index: no account sees another's, whatever its collections are called."""
        return f"{self.account}\x1f{self.id}"


@dataclass(frozen=True, slots=True)
class Item:
    n: int
    id: str
    file: str | None  # id of the file that it is a piece of
    description: str
    content: str
    created: float


@dataclass(frozen=True, slots=True)
class File:
    id: str
    filename: str
    created: float
    status: str  # enqueued until somebody looks after it is due; then completed or failed
    error: str | None
    items: int
    tokens: int


@dataclass(frozen=True, slots=True)
class NewItem:
    id: str
    description: str
    content: str
    vector: bytes


_ITEM = "n, id, file, description, content, created"
_FILE = "id, filename, created, status, error, items, tokens"


class Store:
    """Every method commits before it returns; several processes may share the file."""

    def __init__(self, storage: Storage, dimension: int) -> None:
        self._db = storage.connect(_SCHEMA)
        self.dimension = dimension  # of the vectors
        self._index = Index(dimension)
        self._version = -1

    def reset(self) -> None:
        with Transaction(self._db):
            for table in ("items", "files", "collections"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        self._index.clear()

    # -- collections

    def collections(self, account: str) -> list[Collection]:
        rows = self._db.execute(
            "SELECT account, id, name, created FROM collections WHERE account = ? ORDER BY n", (account,)
        )
        return [Collection(*row) for row in rows]

    def collection(self, account: str, collection_id: str) -> Collection | None:
        row = self._db.execute(
            "SELECT account, id, name, created FROM collections WHERE account = ? AND id = ?", (account, collection_id)
        ).fetchone()
        return Collection(*row) if row else None

    def add_collection(self, made: Collection) -> bool:
        """False when the account has one of that id."""
        try:
            self._db.execute(
                "INSERT INTO collections (account, id, name, created) VALUES (?, ?, ?, ?)",
                (made.account, made.id, made.name, made.created),
            )
        except sqlite3.IntegrityError:
            return False
        return True

    def change_collection(self, known: Collection, changed: Collection) -> None:
        self._db.execute(
            "UPDATE collections SET id = ?, name = ? WHERE account = ? AND id = ?",
            (changed.id, changed.name, known.account, known.id),
        )

    def delete_collection(self, known: Collection) -> None:
        """The record alone; what is in it has its own deletions."""
        self._db.execute("DELETE FROM collections WHERE account = ? AND id = ?", (known.account, known.id))

    # -- items

    def items(self, of: Collection) -> list[Item]:
        return self._items("ORDER BY n", of)

    def item(self, of: Collection, item_id: str) -> Item | None:
        return next(iter(self._items("AND id = ?", of, item_id)), None)

    def add_item(self, of: Collection, made: NewItem, now: float) -> Item:
        self._follow()
        with Transaction(self._db):
            n = self._insert(of, made, None, now)
        self._index.add(n, of.space, made.vector)
        return Item(n, made.id, None, made.description, made.content, now)

    def describe_item(self, item: Item, description: str) -> None:
        self._db.execute("UPDATE items SET description = ? WHERE n = ?", (description, item.n))

    def delete_items(self, items: Iterable[Item]) -> None:
        self._follow()
        for item in items:
            self._db.execute("DELETE FROM items WHERE n = ?", (item.n,))
            self._index.remove(item.n)

    def nearest(self, of: Collection, vector: bytes, most: int) -> list[tuple[Item, Match]]:
        """The items that point nearest to the vector, nearest first."""
        self._follow()
        matches = self._index.nearest(of.space, vector, most)
        marks = ", ".join("?" * len(matches))
        known = {item.n: item for item in self._items(f"AND n IN ({marks})", of, *(match.n for match in matches))}
        return [(known[match.n], match) for match in matches if match.n in known]

    # -- files

    def files(self, of: Collection) -> list[File]:
        return self._files("ORDER BY n", of)

    def file(self, of: Collection, file_id: str) -> File | None:
        return next(iter(self._files("AND id = ?", of, file_id)), None)

    def add_file(self, of: Collection, made: File, data: bytes) -> None:
        self._db.execute(
            "INSERT INTO files (account, collection, id, filename, data, created, status) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (of.account, of.id, made.id, made.filename, data, made.created, made.status),
        )

    def data_of(self, file: File) -> bytes | None:
        """What was uploaded, until it has been processed."""
        row = self._db.execute("SELECT data FROM files WHERE id = ?", (file.id,)).fetchone()
        return row[0] if row else None

    def finish_file(self, of: Collection, file: File, made: list[NewItem], tokens: int, error: str | None) -> None:
        """The file and its items in one step, unless another process was faster or the file is gone."""
        self._follow()
        added: list[tuple[int, bytes]] = []
        with Transaction(self._db):
            done = self._db.execute(
                "UPDATE files SET status = ?, error = ?, items = ?, tokens = ?, data = NULL"
                " WHERE id = ? AND status = ?",
                ("failed" if error else "completed", error, len(made), tokens, file.id, "enqueued"),
            )
            if done.rowcount:
                added = [(self._insert(of, item, file.id, file.created), item.vector) for item in made]
        for n, vector in added:
            self._index.add(n, of.space, vector)

    def delete_file(self, file: File) -> None:
        self._db.execute("DELETE FROM files WHERE id = ?", (file.id,))

    def _insert(self, of: Collection, made: NewItem, file: str | None, now: float) -> int:
        row = self._db.execute(
            "INSERT INTO items (account, collection, id, file, description, content, created, vector)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (of.account, of.id, made.id, file, made.description, made.content, now, made.vector),
        )
        return int(row.lastrowid or 0)

    def _items(self, rest: str, of: Collection, *more: str | int) -> list[Item]:
        query = f"SELECT {_ITEM} FROM items WHERE account = ? AND collection = ? {rest}"  # noqa: S608 - words of our own
        return [Item(*row) for row in self._db.execute(query, (of.account, of.id, *more))]

    def _files(self, rest: str, of: Collection, *more: str) -> list[File]:
        query = f"SELECT {_FILE} FROM files WHERE account = ? AND collection = ? {rest}"  # noqa: S608 - words of our own
        return [File(*row) for row in self._db.execute(query, (of.account, of.id, *more))]

    def _follow(self) -> None:
        """The index as the file is now: made anew at the start, and when another process has written."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        self._version = version
        self._index.clear()
        for n, account, collection, vector in self._db.execute("SELECT n, account, collection, vector FROM items"):
            self._index.add(n, f"{account}\x1f{collection}", vector)
