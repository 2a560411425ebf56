"""Organisations: API keys with scopes, and the audit trail of every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mockserver.services.orgs.audit import SCHEMA as TRAIL
from mockserver.services.orgs.audit import Trail
from mockserver.services.orgs.credentials import SCHEMA as CREDENTIALS
from mockserver.services.orgs.credentials import Credentials
from mockserver.services.orgs.decisions import Decisions
from mockserver.services.service import Route, Service
from mockserver.services.tenancy import org_id

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.storage import Storage
    from mockserver.state import State


class OrgsPart:
    """What keys may do, and what was done."""

    def __init__(self, credentials: Credentials, trail: Trail) -> None:
        self.credentials, self.trail = credentials, trail

    def reset(self) -> None:
        self.credentials.clear()
        self.trail.clear()


def open_part(storage: Storage, _: State) -> OrgsPart:
    return OrgsPart(Credentials(storage.connect(CREDENTIALS)), Trail(storage.connect(TRAIL)))


def admit(call: Call) -> None:
    call.gateway.orgs.admit(call)


def observe(call: Call, reply: Reply) -> Reply:
    call.gateway.orgs.audit(call, reply)
    return reply


def names(_: State) -> Mapping[str, str]:
    return {"org": org_id("acct_main"), "second_org": org_id("acct_second")}


SERVICE = Service(
    "orgs",
    (
        Route("GET", "/orgs/{org_id}/api-keys", "orgs.list_keys"),
        Route("POST", "/orgs/{org_id}/api-keys", "orgs.create_key"),
        Route("DELETE", "/orgs/{org_id}/api-keys/{key_id}", "orgs.delete_key"),
        Route("GET", "/orgs/{org_id}/audit", "orgs.list_audit"),
    ),
    open=open_part,
    admit=admit,
    observe=observe,
    names=names,
)
__all__ = ["SERVICE", "Decisions", "OrgsPart"]
