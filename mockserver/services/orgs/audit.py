"""The audit trail: who asked what, when, and with what outcome. It never holds what was sent or answered."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from mockserver.behaviours.routes import json_reply
from mockserver.services.members import refuse
from mockserver.services.orgs.keys import moment
from mockserver.services.tenancy import spiffe_id

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.orgs.credentials import Credential

Json = dict[str, Any]
LONGEST = 512  # characters of a path that are kept
SCHEMA = """
CREATE TABLE IF NOT EXISTS org_audit (
  n INTEGER PRIMARY KEY, account TEXT NOT NULL, at REAL NOT NULL, actor TEXT NOT NULL, method TEXT NOT NULL,
  path TEXT NOT NULL, status INTEGER NOT NULL, request_id TEXT NOT NULL, pod TEXT, detail TEXT);
CREATE INDEX IF NOT EXISTS org_audit_of ON org_audit (account, n);
"""


class Entry(NamedTuple):
    """`at` in unix seconds. `detail` is nothing where the trail is honest."""

    account: str
    at: float
    actor: str
    method: str
    path: str
    status: int
    request_id: str
    pod: str | None
    detail: str | None = None
    n: int = 0


class Trail:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, entry: Entry) -> None:
        query = (
            "INSERT INTO org_audit (account, at, actor, method, path, status, request_id, pod, detail)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self._db.execute(query, entry[:-1])

    def newest(self, account: str | None, before: int | None, most: int) -> list[Entry]:
        """Entries of an account, or of all, newest first, older than number `before`."""
        query = (
            "SELECT account, at, actor, method, path, status, request_id, pod, detail, n FROM org_audit"
            " WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR n < ?2) ORDER BY n DESC LIMIT ?3"
        )
        return [Entry(*row) for row in self._db.execute(query, (account, before, most))]

    def clear(self) -> None:
        self._db.execute("DELETE FROM org_audit")


def audit(call: Call, reply: Reply) -> None:
    """Every request with a valid key, once its outcome is known and before it is told."""
    if call.key is not None:
        call.state.parts["orgs"].trail.add(call.gateway.orgs.entry(call, reply))


def entry(call: Call, reply: Reply) -> Entry:
    return Entry(
        call.gateway.account_of(call),
        call.state.clock.now(),
        call.gateway.orgs.actor_of(call),
        call.method,
        call.path[:LONGEST].encode(errors="replace").decode(),
        reply.status,
        call.request_id,
        call.facts.get("pod_id"),
    )


def actor_of(call: Call) -> str:
    """The person that a token was given to, or the key."""
    assert call.key is not None
    found: Credential | None = call.facts.get("credential")
    return (found.subject if found else None) or call.key.key_id


async def list_audit(call: Call) -> Reply:
    """GET /orgs/{org_id}/audit."""
    orgs = call.gateway.orgs
    orgs.check_org(call)
    limit, before = orgs.page_of(call)
    found = orgs.entries(call, before, limit + 1)
    return json_reply(call, {"data": [orgs.audit_row(one) for one in found[:limit]], "has_more": len(found) > limit})


def page_of(call: Call) -> tuple[int, int | None]:
    """How many entries, and before which."""
    query = dict(parse_qsl(call.query, keep_blank_values=True))
    limit = query.get("limit", "100")
    if not re.fullmatch(r"[0-9]{1,4}", limit) or not 1 <= int(limit) <= 1000:
        refuse(call, "limit", "an integer of at least 1 and at most 1000")
    before = query.get("before")
    if before is not None and not re.fullmatch(r"aud_[0-9]{1,15}", before):
        refuse(call, "before", "the id of an entry")
    return int(limit), int(before.removeprefix("aud_")) if before else None


def entries(call: Call, before: int | None, most: int) -> list[Entry]:
    found: list[Entry] = call.state.parts["orgs"].trail.newest(call.gateway.account_of(call), before, most)
    return found


def audit_row(found: Entry) -> Json:
    shown: Json = {
        "id": f"aud_{found.n}",
        "at": moment(found.at),
        "tenant": spiffe_id(found.account),
        "actor": found.actor,
        "method": found.method,
        "path": found.path,
        "status": found.status,
        "request_id": found.request_id,
        "pod_id": found.pod,
    }
    return shown if found.detail is None else {**shown, "detail": found.detail}
