"""Every decision on keys and the audit trail that a client can see; the defaults are the honest behaviours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mockserver.services.members import Members
from mockserver.services.orgs import audit as trail
from mockserver.services.orgs import keys, scopes
from mockserver.services.orgs.audit import Entry
from mockserver.services.orgs.credentials import Credential

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.refusal import Refusal

Json = dict[str, Any]
Handler = Callable[["Call"], Awaitable["Reply"]]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Comments say what each field decides."""

    # -- what a credential may do
    admit: Callable[[Call], None] = scopes.admit  # every request with a key, or 401 and 403
    is_expired: Callable[[Call, Credential], bool] = scopes.is_expired
    wanted: Callable[[Call], str | None] = scopes.wanted  # scope of the operation; None = any
    has: Callable[[Credential, str], bool] = scopes.has
    refuse_scope: Callable[[Call, str], Refusal] = scopes.refuse_scope  # 403

    # -- keys
    list_keys: Handler = keys.list_keys
    create_key: Handler = keys.create_key
    delete_key: Handler = keys.delete_key
    check_org: Callable[[Call], None] = keys.check_org  # 404 for another organisation
    members: Members = field(default_factory=lambda: keys.MEMBERS)
    check_scopes: Callable[[Call, list[str]], None] = keys.check_scopes  # 403 for what the caller has not
    new_secret: Callable[[Call], str] = keys.new_secret
    credential: Callable[[Call, Mapping[str, Any], str], Credential] = keys.credential_of  # (call, members, secret)
    listed: Callable[[Call], list[Credential]] = keys.listed
    find: Callable[[Call, str], Credential | None] = keys.find
    revoke: Callable[[Call, Credential], None] = keys.revoke
    key_row: Callable[[Credential], Json] = keys.key_row

    # -- the audit trail
    audit: Callable[[Call, Reply], None] = trail.audit  # every reply
    entry: Callable[[Call, Reply], Entry] = trail.entry
    actor_of: Callable[[Call], str] = trail.actor_of
    list_audit: Handler = trail.list_audit
    page_of: Callable[[Call], tuple[int, int | None]] = trail.page_of
    entries: Callable[[Call, int | None, int], list[Entry]] = trail.entries  # (call, before, most)
    audit_row: Callable[[Entry], Json] = trail.audit_row
