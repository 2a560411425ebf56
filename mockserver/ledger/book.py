"""Who has how much, what is held and what was charged, in a file. It decides no amounts.

Every transfer is a set of postings whose sum is zero. The buckets: `available` and `reserved` of each account,
`revenue` and `refunds` of the provider, and `outside`, where deposits come from. A hold is settled or voided once.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from mockserver.ledger import lease, store
from mockserver.ledger.journal import Entry, entries
from mockserver.ledger.keys import Keys
from mockserver.ledger.store import Transaction
from mockserver.ledger.terms import MICROSECONDS, Account, Charge, TakenError, Use

_POST = "INSERT INTO postings (at, transfer, kind, account, bucket, amount) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
_POST_TWO = _POST + ", (?1, ?2, ?3, ?7, ?8, ?9)"
_POST_THREE = _POST_TWO + ", (?1, ?2, ?3, ?10, ?11, ?12)"


class FileLedger:
    """One connection, used from one thread; each method is one transaction. `now` gives seconds since 1970."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        """A file that other processes may have open too. Raises OSError."""
        self._db = store.connect(path)
        self._now = now
        self._lease = lease.Lease(path)
        self._owner = self._lease.name
        self._transaction = Transaction(self._db)
        self.keys = Keys(self._db, shared=True)
        self._release_stale(path)

    def close(self) -> None:
        """Whatever this ledger still holds is released: nobody will settle it."""
        self._release(self._owner)
        self._db.close()
        self._lease.end()

    # accounts

    def account(self, name: str) -> Account | None:
        query = "SELECT name, available, reserved, spent FROM accounts WHERE name = ?"
        row = self._db.execute(query, (name,)).fetchone()
        return Account(*row) if row else None

    def tokens_of(self, name: str) -> int:
        """Tokens that the account was charged for."""
        query = "SELECT total(prompt_tokens + completion_tokens) FROM holds WHERE account = ? AND state = 'settled'"
        return int(self._db.execute(query, (name,)).fetchone()[0])

    def open_account(self, name: str, balance: int) -> None:
        """Create the account with a balance; one that already exists keeps what it has."""
        with self._transaction:
            added = self._db.execute("INSERT OR IGNORE INTO accounts VALUES (?, 0, 0, 0)", (name,)).rowcount
            if added:
                self._move(name, "top-up", "deposit", name, balance)

    def set_balance(self, name: str, balance: int) -> None:
        """Top up or take away until `available` is exactly `balance`."""
        self.open_account(name, 0)
        with self._transaction:
            account = self.account(name)
            assert account is not None
            self._move(name, "top-up", "deposit", name, balance - account.available)

    def adjust(self, name: str, amount: int) -> None:
        """Add to what is available without a word in the journal: only a ledger that is wrong does so."""
        self._db.execute("UPDATE accounts SET available = available + ? WHERE name = ?", (amount, name))

    def forget_spending(self) -> None:
        """Set what each account has spent back to nothing; the postings stay as they are."""
        self._db.execute("UPDATE accounts SET spent = 0")

    # holds

    def reserve(self, request_id: str, account: str, amount: int) -> bool:
        """Hold `amount` if the account has it. Raises TakenError for a request id seen before."""
        with self._transaction:
            query = "UPDATE accounts SET available = available - ?1, reserved = reserved + ?1"
            held = self._db.execute(query + " WHERE name = ?2 AND available >= ?1", (amount, account)).rowcount
            if not held:
                return False
            hold = "INSERT INTO holds (request_id, account, amount, state, owner) VALUES (?, ?, ?, 'held', ?)"
            try:
                self._db.execute(hold, (request_id, account, amount, self._owner))
            except sqlite3.IntegrityError as error:
                raise TakenError(request_id) from error
            self._post(request_id, "hold", (account, "available", -amount), (account, "reserved", amount))
        return True

    def settle(self, request_id: str, charge: int, use: Use | None = None) -> bool:
        """Charge a hold and release the rest; the account may go below zero if `charge` exceeds the hold."""
        with self._transaction:
            held = self._close(request_id, "settled", charge, use)
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
                "charge",
                (account, "reserved", -amount),
                (account, "available", amount - charge),
                ("provider", "revenue", charge),
            )
        return True

    def void(self, request_id: str) -> bool:
        """Release a hold without charging."""
        with self._transaction:
            held = self._close(request_id, "voided", 0, None)
            if held is None:
                return False
            account, amount = held
            query = "UPDATE accounts SET reserved = reserved - ?1, available = available + ?1 WHERE name = ?2"
            self._db.execute(query, (amount, account))
            self._post(request_id, "void", (account, "reserved", -amount), (account, "available", amount))
        return True

    def refund(self, request_id: str, amount: int) -> bool:
        """Give back at most what was charged, once; False when there is nothing to give back or it was done."""
        with self._transaction:
            query = (
                "UPDATE holds SET state = 'refunded' WHERE request_id = ?1 AND state = 'settled'"
                " AND ?2 BETWEEN 1 AND charge RETURNING account"
            )
            row = self._db.execute(query, (request_id, amount)).fetchone()
            if row is None:
                return False
            given = "UPDATE accounts SET available = available + ?1, spent = spent - ?1 WHERE name = ?2"
            self._db.execute(given, (amount, row[0]))
            self._post(request_id, "refund", ("provider", "refunds", -amount), (row[0], "available", amount))
        return True

    def _release_stale(self, path: Path) -> None:
        """Holds of processes that ended before they could settle them: nobody knows what those requests cost."""
        owners = self._db.execute("SELECT DISTINCT owner FROM holds WHERE state = 'held'").fetchall()
        for (owner,) in owners:
            if lease.has_ended(path, owner):
                self._release(owner)
        lease.sweep(path)

    def _release(self, owner: str) -> None:
        query = "SELECT request_id FROM holds WHERE state = 'held' AND owner = ?"
        for (request_id,) in self._db.execute(query, (owner,)).fetchall():
            self.void(request_id)

    # inspection

    def postings_total(self) -> int:
        """Zero, always: money moves, it does not appear."""
        return int(self._db.execute("SELECT COALESCE(SUM(amount), 0) FROM postings").fetchone()[0])

    def bucket(self, account: str, bucket: str) -> int:
        query = "SELECT COALESCE(SUM(amount), 0) FROM postings WHERE account = ? AND bucket = ?"
        return int(self._db.execute(query, (account, bucket)).fetchone()[0])

    def charge_of(self, request_id: str, account: str) -> Charge | None:
        """What a request of this account was charged; None while it is held, and for those of others."""
        query = (
            "SELECT request_id, charge, model, prompt_tokens, completion_tokens FROM holds"
            " WHERE request_id = ? AND account = ? AND state IN ('settled', 'refunded')"
        )
        row = self._db.execute(query, (request_id, account)).fetchone()
        return Charge(*row) if row else None

    def entries(self, since: int = 0, most: int = 100_000) -> Iterator[Entry]:
        """What happened after entry number `since`."""
        return entries(self._db, since, most)

    def held(self) -> int:
        """Number of holds that are neither settled nor voided."""
        return int(self._db.execute("SELECT COUNT(*) FROM holds WHERE state = 'held'").fetchone()[0])

    def _close(self, request_id: str, state: str, charge: int, use: Use | None) -> tuple[str, int] | None:
        query = (
            "UPDATE holds SET state = ?, charge = ?, model = ?, prompt_tokens = ?, completion_tokens = ?"
            " WHERE request_id = ? AND state = 'held' RETURNING account, amount"
        )
        about = use or (None, None, None)
        row = self._db.execute(query, (state, charge, *about, request_id)).fetchone()
        return (row[0], row[1]) if row else None

    def _move(self, transfer: str, kind: str, source: str, account: str, amount: int) -> None:
        self._db.execute("UPDATE accounts SET available = available + ? WHERE name = ?", (amount, account))
        self._post(transfer, kind, (source, "outside", -amount), (account, "available", amount))

    def _post(self, transfer: str, kind: str, *postings: tuple[str, str, int]) -> None:
        """Two or three of them, whose sum is zero."""
        at = int(self._now() * MICROSECONDS)
        query = _POST_TWO if len(postings) == 2 else _POST_THREE
        self._db.execute(query, (at, transfer, kind, *chain.from_iterable(postings)))
