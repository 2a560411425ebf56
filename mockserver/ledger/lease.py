"""Who is alive: a file beside the database that its process keeps locked until it ends, however it ends.

The operating system gives the lock back, so neither a number that is used again nor a clock that jumps can mislead.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path


class Lease:
    """Taken when a ledger opens its database; `name` is written beside each of its holds."""

    def __init__(self, database: Path) -> None:
        """Raises OSError."""
        while True:
            self.name = secrets.token_hex(8)
            self._path = _path(database, self.name)
            self._file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if os.fstat(self._file).st_nlink:
                return
            os.close(self._file)  # somebody swept it away before it was locked

    def end(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def has_ended(database: Path, name: str) -> bool:
    """Whether the process of this lease is gone. What it left behind is removed."""
    path = _path(database, name)
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def sweep(database: Path) -> None:
    """Remove what killed processes left behind."""
    for path in database.parent.glob(f"{database.name}-lease-*"):
        with contextlib.suppress(OSError):
            has_ended(database, path.name.rpartition("-")[2])


def _path(database: Path, name: str) -> Path:
    return database.with_name(f"{database.name}-lease-{name}")
