"""Accounts, keys and money: double entry in SQLite, integer nano-USD. It decides no amounts.

Every transfer is a set of postings whose sum is zero; a hold is settled or voided at most once.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

NANO = 1_000_000_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
  name TEXT PRIMARY KEY, available INTEGER NOT NULL, reserved INTEGER NOT NULL, spent INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS keys (
  digest TEXT PRIMARY KEY, key_id TEXT UNIQUE NOT NULL, account TEXT NOT NULL, rpm INTEGER, revoked INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS holds (
  request_id TEXT PRIMARY KEY, account TEXT NOT NULL, amount INTEGER NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS postings (
  transfer TEXT NOT NULL, kind TEXT NOT NULL, account TEXT NOT NULL, bucket TEXT NOT NULL, amount INTEGER NOT NULL);
"""
_POST = "INSERT INTO postings VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret: the store keeps the SHA-256 of it."""

    digest: str
    key_id: str
    account: str
    requests_per_minute: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """Amounts in nano-USD; `available` already excludes what is reserved."""

    name: str
    available: int
    reserved: int
    spent: int


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Ledger:
    """One connection, used from one thread; each method is one transaction."""

    def __init__(self, path: Path | None = None) -> None:
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        if path is not None:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._release_stale()
        rows = self._db.execute("SELECT digest, key_id, account, rpm FROM keys WHERE NOT revoked")
        self._keys = {row[0]: Key(*row) for row in rows}

    def close(self) -> None:
        self._db.close()

    # accounts and keys

    def account(self, name: str) -> Account | None:
        query = "SELECT name, available, reserved, spent FROM accounts WHERE name = ?"
        row = self._db.execute(query, (name,)).fetchone()
        return Account(*row) if row else None

    def open_account(self, name: str, balance: int) -> None:
        """Create the account with a balance; one that already exists keeps what it has."""
        with self._transaction():
            added = self._db.execute("INSERT OR IGNORE INTO accounts VALUES (?, 0, 0, 0)", (name,)).rowcount
            if added:
                self._move(name, "top-up", "deposit", name, balance)

    def set_balance(self, name: str, balance: int) -> None:
        """Top up or take away until `available` is exactly `balance`."""
        self.open_account(name, 0)
        with self._transaction():
            account = self.account(name)
            assert account is not None
            self._move(name, "top-up", "deposit", name, balance - account.available)

    def forget_spending(self) -> None:
        """Set what each account has spent back to nothing; the postings stay as they are."""
        self._db.execute("UPDATE accounts SET spent = 0")

    def add_key(self, secret: str, key_id: str, account: str, requests_per_minute: int | None) -> Key:
        key = Key(digest(secret), key_id, account, requests_per_minute)
        self._db.execute(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, 0)", (key.digest, key_id, account, requests_per_minute)
        )
        self._keys[key.digest] = key
        return key

    def revoke(self, key_id: str) -> bool:
        """True when a live key was revoked."""
        revoked = self._db.execute("UPDATE keys SET revoked = 1 WHERE key_id = ? AND NOT revoked", (key_id,)).rowcount
        self._keys = {d: key for d, key in self._keys.items() if key.key_id != key_id}
        return bool(revoked)

    def revoke_all(self) -> None:
        """End every key; those of the start are added again by whoever calls this."""
        self._db.execute("UPDATE keys SET revoked = 1")
        self._keys.clear()

    def key(self, secret: str) -> Key | None:
        return self._keys.get(digest(secret))

    # holds

    def reserve(self, request_id: str, account: str, amount: int) -> bool:
        """Hold `amount` if the account has it. Raises sqlite3.IntegrityError for a request id seen before."""
        with self._transaction():
            query = "UPDATE accounts SET available = available - ?1, reserved = reserved + ?1"
            held = self._db.execute(query + " WHERE name = ?2 AND available >= ?1", (amount, account)).rowcount
            if not held:
                return False
            self._db.execute("INSERT INTO holds VALUES (?, ?, ?, 'held')", (request_id, account, amount))
            self._post(request_id, "reserve", (account, "available", -amount), (account, "reserved", amount))
        return True

    def settle(self, request_id: str, charge: int) -> bool:
        """Charge a hold and release the rest; the account may go below zero if `charge` exceeds the hold."""
        with self._transaction():
            held = self._close(request_id, "settled")
            if held is None:
                return False
            account, amount = held
            self._db.execute(
                "UPDATE accounts SET reserved = reserved - ?1, available = available + ?1 - ?2, spent = spent + ?2"
                " WHERE name = ?3",
                (amount, charge, account),
            )
            self._post(
                request_id,
                "settle",
                (account, "reserved", -amount),
                (account, "available", amount - charge),
                ("provider", "revenue", charge),
            )
        return True

    def void(self, request_id: str) -> bool:
        """Release a hold without charging."""
        with self._transaction():
            held = self._close(request_id, "voided")
            if held is None:
                return False
            account, amount = held
            query = "UPDATE accounts SET reserved = reserved - ?1, available = available + ?1 WHERE name = ?2"
            self._db.execute(query, (amount, account))
            self._post(request_id, "void", (account, "reserved", -amount), (account, "available", amount))
        return True

    def _release_stale(self) -> None:
        """Holds of a process that ended before it could settle them: nobody knows what they cost."""
        for (request_id,) in self._db.execute("SELECT request_id FROM holds WHERE state = 'held'").fetchall():
            self.void(request_id)

    # inspection

    def postings_total(self) -> int:
        """Zero, always: money moves, it does not appear."""
        return int(self._db.execute("SELECT COALESCE(SUM(amount), 0) FROM postings").fetchone()[0])

    def bucket(self, account: str, bucket: str) -> int:
        query = "SELECT COALESCE(SUM(amount), 0) FROM postings WHERE account = ? AND bucket = ?"
        return int(self._db.execute(query, (account, bucket)).fetchone()[0])

    def held(self) -> int:
        """Number of holds that are neither settled nor voided."""
        return int(self._db.execute("SELECT COUNT(*) FROM holds WHERE state = 'held'").fetchone()[0])

    def _close(self, request_id: str, state: str) -> tuple[str, int] | None:
        query = "UPDATE holds SET state = ? WHERE request_id = ? AND state = 'held' RETURNING account, amount"
        row = self._db.execute(query, (state, request_id)).fetchone()
        return (row[0], row[1]) if row else None

    def _move(self, transfer: str, kind: str, source: str, account: str, amount: int) -> None:
        self._db.execute("UPDATE accounts SET available = available + ? WHERE name = ?", (amount, account))
        self._post(transfer, kind, (source, "outside", -amount), (account, "available", amount))

    def _post(self, transfer: str, kind: str, *entries: tuple[str, str, int]) -> None:
        self._db.executemany(_POST, [(transfer, kind, *entry) for entry in entries])

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    """BEGIN .. COMMIT, or ROLLBACK when the block raises."""

    __slots__ = ("_db",)

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")
