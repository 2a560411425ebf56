"""The database file: its tables and its transactions. It knows no rules of money."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

VERSION = 3  # of the tables; a file of another one is refused
BUSY_S = 30.0  # how long a process waits for another one's transaction
_SCHEMA = """
CREATE TABLE accounts (
  name TEXT PRIMARY KEY, available INTEGER NOT NULL, reserved INTEGER NOT NULL, spent INTEGER NOT NULL);
CREATE TABLE keys (
  digest TEXT PRIMARY KEY, key_id TEXT UNIQUE NOT NULL, account TEXT NOT NULL, rpm INTEGER, revoked INTEGER NOT NULL);
CREATE TABLE issued (n INTEGER PRIMARY KEY);
CREATE TABLE holds (
  request_id TEXT PRIMARY KEY, account TEXT NOT NULL, amount INTEGER NOT NULL, state TEXT NOT NULL,
  owner TEXT NOT NULL, charge INTEGER, model TEXT, prompt_tokens INTEGER, completion_tokens INTEGER);
CREATE INDEX held ON holds (owner) WHERE state = 'held';
CREATE TABLE postings (
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, transfer TEXT NOT NULL, kind TEXT NOT NULL,
  account TEXT NOT NULL, bucket TEXT NOT NULL, amount INTEGER NOT NULL);
"""


def connect(path: Path | None) -> sqlite3.Connection:
    """A database in memory, or a file that several processes may share. Raises OSError for a file that is none."""
    try:
        db = sqlite3.connect(path or ":memory:", BUSY_S, isolation_level=None, check_same_thread=False)
        if path is not None:
            _keep_a_log(db)
            db.execute("PRAGMA synchronous=NORMAL")  # a killed process loses nothing; only a fallen machine could
        _make_tables(db)
    except sqlite3.Error as error:
        raise OSError(f"{path}: not a ledger of this mock: {error}; name a new file by --state") from error
    return db


def read_only(path: Path) -> sqlite3.Connection:
    """A file that is there, as it is now; processes that write to it go on. Raises OSError."""
    try:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", BUSY_S, isolation_level=None, uri=True)
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise OSError(f"{path}: not a ledger of this mock: {error}") from error
    if version != VERSION:
        raise OSError(f"{path}: not a ledger of this mock: its tables are of version {version}, not {VERSION}")
    return db


def _keep_a_log(db: sqlite3.Connection) -> None:
    """Write-ahead logging. Of processes that start together SQLite tells all but one to try again."""
    end = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.002)
        else:
            return


def _make_tables(db: sqlite3.Connection) -> None:
    """Two processes may start on one new file at the same time; the second finds what the first has made."""
    with Transaction(db):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if version != VERSION and tables:
            raise sqlite3.DatabaseError(f"its tables are of version {version}, not {VERSION}")
        if version != VERSION:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")


class Transaction:
    """BEGIN IMMEDIATE .. COMMIT, or ROLLBACK when the block raises: a writer never has to start again."""

    __slots__ = ("_db",)

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")
