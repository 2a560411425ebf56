"""Leases as they are kept: one row each, written before it is acknowledged. A status is read off the clock."""

from __future__ import annotations

import calendar
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mockserver.ledger.store import Transaction
from mockserver.services.forge.stock import KINDS, MONTHS

SCHEMA = """
CREATE TABLE IF NOT EXISTS forge_leases (
  n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, tenant TEXT NOT NULL, metro TEXT NOT NULL, gpu_type TEXT NOT NULL,
  count INTEGER NOT NULL, term TEXT NOT NULL, namespace TEXT NOT NULL, attested INTEGER NOT NULL,
  created REAL NOT NULL, ended REAL);
CREATE INDEX IF NOT EXISTS forge_stock ON forge_leases (metro, gpu_type);
CREATE TABLE IF NOT EXISTS forge_authority (n INTEGER PRIMARY KEY, certificate BLOB NOT NULL, key BLOB NOT NULL);
"""
_COLUMNS = ("id", "tenant", "metro", "gpu_type", "count", "term", "namespace", "attested", "created")
_INSERT = f"INSERT INTO forge_leases ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
PROVISIONING_S = 0.15  # until a lease is active; hours in the field
RELEASE_S = 0.1  # from its end until its GPUs are free again
HOLDING = frozenset({"provisioning", "active", "terminating"})


@dataclass(frozen=True, slots=True)
class Lease:
    """Times in unix seconds. `attested`: evidence was asked for. `ended`: when it was terminated, if it was."""

    id: str
    tenant: str
    metro: str
    gpu_type: str
    count: int
    term: str
    namespace: str
    attested: bool
    created: float
    ended: float | None = None


def status_of(lease: Lease, now: float) -> str:
    """provisioning, then active or failed; terminating and terminated from its end on."""
    end = end_of(lease)
    if end is not None and now >= end:
        return "terminating" if now < end + RELEASE_S else "terminated"
    if now < lease.created + PROVISIONING_S:
        return "provisioning"
    return "failed" if lease.attested and not KINDS[lease.gpu_type].attested else "active"


def end_of(lease: Lease) -> float | None:
    """When it was terminated or its term is over, whichever comes first; None for one that is open-ended."""
    ends = [end for end in (lease.ended, term_end(lease.created, MONTHS[lease.term])) if end is not None]
    return min(ends, default=None)


def term_end(start: float, months: int | None) -> float | None:
    """The same day and time so many months later, or the last day of a month that is shorter."""
    if months is None:
        return None
    begin = datetime.fromtimestamp(start, UTC)
    year, month = begin.year + (begin.month - 1 + months) // 12, (begin.month - 1 + months) % 12 + 1
    day = min(begin.day, calendar.monthrange(year, month)[1])
    return begin.replace(year=year, month=month, day=day).timestamp()


class Leases:
    """All leases of all tenants. What an operation may see is asked for by tenant."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, lease: Lease, room: Callable[[], bool]) -> bool:
        """Keep it if there is room, both in one transaction: what two ask for at a time is not sold twice."""
        with Transaction(self._db):
            if not room():
                return False
            self._db.execute(_INSERT, [getattr(lease, name) for name in _COLUMNS])
        return True

    def find(self, lease_id: str, tenant: str | None) -> Lease | None:
        """The lease of this tenant (of any, when None), or None."""
        query = "SELECT * FROM forge_leases WHERE id = ? AND (? IS NULL OR tenant = ?)"
        row = self._db.execute(query, (_storable(lease_id), tenant, tenant)).fetchone()
        return _lease(row) if row else None

    def of(self, tenant: str | None) -> list[Lease]:
        """Oldest first."""
        query = "SELECT * FROM forge_leases WHERE ? IS NULL OR tenant = ? ORDER BY n"
        return [_lease(row) for row in self._db.execute(query, (tenant, tenant))]

    def end(self, lease: Lease, now: float) -> None:
        """From now on it is terminated; one that was before keeps its end."""
        self._db.execute("UPDATE forge_leases SET ended = coalesce(ended, ?) WHERE id = ?", (now, lease.id))

    def taken(self, metro: str, gpu_type: str, now: float) -> int:
        """GPUs of leases that hold them."""
        query = "SELECT * FROM forge_leases WHERE metro = ? AND gpu_type = ? AND (ended IS NULL OR ended > ?)"
        held = map(_lease, self._db.execute(query, (metro, gpu_type, now - RELEASE_S)))
        return sum(lease.count for lease in held if status_of(lease, now) in HOLDING)

    def clear(self) -> None:
        self._db.execute("DELETE FROM forge_leases")


def _lease(row: sqlite3.Row) -> Lease:
    names = ("id", "tenant", "metro", "gpu_type", "count", "term", "namespace")
    return Lease(
        **{name: row[name] for name in names},
        attested=bool(row["attested"]),
        created=row["created"],
        ended=row["ended"],
    )


def _storable(text: str) -> str:
    """Half a surrogate pair cannot be stored, so it cannot be found either."""
    return text.encode(errors="replace").decode()
