"""Accounts, keys and money: double entry in integer nano-USD, in memory, or in SQLite for several processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mockserver.ledger.book import FileLedger
from mockserver.ledger.journal import Entry
from mockserver.ledger.keys import Key
from mockserver.ledger.memory import KEPT, KEPT_ENTRIES, MemoryLedger
from mockserver.ledger.terms import NANO, Account, Charge, Ledger, TakenError, Use


def open_ledger(path: Path | None = None, now: Callable[[], float] = time.time) -> Ledger:
    """In memory, or in a file that is exact under kill -9 and shared by processes. Raises OSError."""
    return MemoryLedger(now) if path is None else FileLedger(path, now)


__all__ = [
    "KEPT",
    "KEPT_ENTRIES",
    "NANO",
    "Account",
    "Charge",
    "Entry",
    "FileLedger",
    "Key",
    "Ledger",
    "MemoryLedger",
    "TakenError",
    "Use",
    "open_ledger",
]
