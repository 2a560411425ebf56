"""Racks as they are kept: one row each, written before it is acknowledged. A status is read off the clock."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from types import MappingProxyType

from mockserver.services.forge.leases import term_end

SCHEMA = """
CREATE TABLE IF NOT EXISTS vault_racks (
  n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, tenant TEXT NOT NULL, metro TEXT NOT NULL, gpu_type TEXT NOT NULL,
  term TEXT NOT NULL, template TEXT NOT NULL, managed INTEGER NOT NULL, kms TEXT, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS vault_secrets (rack TEXT PRIMARY KEY, bundle TEXT NOT NULL);
"""
_COLUMNS = ("id", "tenant", "metro", "gpu_type", "term", "template", "managed", "kms", "created")
_INSERT = f"INSERT INTO vault_racks ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
METROS = ("fra", "iad", "sjc")
GPUS = ("b200", "b300", "mi355x")
MONTHS = MappingProxyType({"36_month": 36, "60_month": 60})
TEMPLATES = MappingProxyType({"standard_8gpu": 8, "dense_16gpu": 16})  # GPUs in a node
NODES = 4  # in a rack
STAGES = (("requested", 0.05), ("procuring", 0.05), ("deploying", 0.1))  # seconds; weeks and months in the field
READY_AFTER_S = sum(seconds for _, seconds in STAGES)
DECOMMISSIONING_S = 0.1


@dataclass(frozen=True, slots=True)
class Rack:
    """`created` in unix seconds; `kms` is the ARN of the customer's own key."""

    id: str
    tenant: str
    metro: str
    gpu_type: str
    term: str
    template: str
    managed: bool
    kms: str | None
    created: float

    @property
    def pod(self) -> str:
        """A rack is a pod of its own: nobody else is on it."""
        return f"vault-{self.metro}-{hashlib.sha256(self.id.encode()).hexdigest()[:8]}"

    @property
    def begins(self) -> float:
        return self.created + READY_AFTER_S

    @property
    def ends(self) -> float:
        end = term_end(self.begins, MONTHS[self.term])
        assert end is not None
        return end


def status_of(rack: Rack, now: float) -> str:
    """requested, procuring, deploying, ready; decommissioning and terminated once the term is over."""
    if now >= rack.ends:
        return "decommissioning" if now < rack.ends + DECOMMISSIONING_S else "terminated"
    left = now - rack.created
    for stage, seconds in STAGES:
        if left < seconds:
            return stage
        left -= seconds
    return "ready"


class Racks:
    """All racks of all tenants. What an operation may see is asked for by tenant."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, rack: Rack) -> None:
        self._db.execute(_INSERT, [getattr(rack, name) for name in _COLUMNS])

    def find(self, rack_id: str, tenant: str | None) -> Rack | None:
        """The rack of this tenant (of any, when None), or None. Half a surrogate pair is in no id."""
        query = "SELECT * FROM vault_racks WHERE id = ? AND (? IS NULL OR tenant = ?)"
        row = self._db.execute(query, (rack_id.encode(errors="replace").decode(), tenant, tenant)).fetchone()
        return _rack(row) if row else None

    def of(self, tenant: str | None) -> list[Rack]:
        """Oldest first."""
        query = "SELECT * FROM vault_racks WHERE ? IS NULL OR tenant = ? ORDER BY n"
        return [_rack(row) for row in self._db.execute(query, (tenant, tenant))]

    def bundle(self, rack: Rack) -> str | None:
        """The secrets of the rack's cluster as they were kept, or None."""
        row = self._db.execute("SELECT bundle FROM vault_secrets WHERE rack = ?", (rack.id,)).fetchone()
        return row["bundle"] if row else None

    def keep_bundle(self, rack: Rack, bundle: str) -> None:
        """The first one that is kept stays."""
        self._db.execute("INSERT OR IGNORE INTO vault_secrets VALUES (?, ?)", (rack.id, bundle))

    def reset(self) -> None:
        self._db.execute("DELETE FROM vault_racks")
        self._db.execute("DELETE FROM vault_secrets")


def _rack(row: sqlite3.Row) -> Rack:
    return Rack(**{**{name: row[name] for name in _COLUMNS}, "managed": bool(row["managed"])})
