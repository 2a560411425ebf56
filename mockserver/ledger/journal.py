"""What happened to money, row by row, in the form in which others reconcile it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Of every transfer the one posting that tells its amount
_ROWS = """
SELECT p.n, p.at, h.request_id, COALESCE(h.account, p.account), p.kind,
       CASE p.kind WHEN 'void' THEN -p.amount ELSE p.amount END,
       CASE WHEN p.kind IN ('charge', 'refund') THEN h.model END,
       CASE p.kind WHEN 'charge' THEN h.prompt_tokens END, CASE p.kind WHEN 'charge' THEN h.completion_tokens END
FROM postings p LEFT JOIN holds h ON h.request_id = p.transfer
WHERE p.n > ? AND (p.kind, p.bucket) IN (
  VALUES ('hold', 'reserved'), ('charge', 'revenue'), ('void', 'reserved'), ('refund', 'available'),
         ('top-up', 'available'))
ORDER BY p.n LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer, the same whenever it is read; `nano_usd` is what was held, charged, released or given."""

    n: int
    at: datetime
    request_id: str | None  # None: no request caused it
    account: str
    kind: str  # hold, charge, void, refund or top-up
    nano_usd: int
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None

    def document(self) -> dict[str, Any]:
        """As a line of the export; `at` in RFC 3339."""
        return {
            "request_id": self.request_id,
            "at": self.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "account": self.account,
            "kind": self.kind,
            "nano_usd": self.nano_usd,
            "model": self.model,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }


def entries(db: sqlite3.Connection, since: int, most: int) -> Iterator[Entry]:
    """At most so many transfers after number `since`, in the order in which they happened."""
    for n, at, *rest in db.execute(_ROWS, (since, most)):
        yield Entry(n, moment(at), *rest)


def moment(at: int) -> datetime:
    """`at` in microseconds since 1970."""
    return _EPOCH + at * _MICROSECOND
