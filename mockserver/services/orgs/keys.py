"""API keys of an organisation: issued with scopes and an end, listed without secrets, revoked at once."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.routes import json_reply
from mockserver.call import Reply
from mockserver.services.answers import there
from mockserver.services.members import Members, array, integer, one_of, optional, read_members, refuse, required
from mockserver.services.orgs.credentials import KEY, Credential
from mockserver.services.orgs.scopes import SCOPES
from mockserver.services.tenancy import org_id
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.services.orgs import OrgsPart

Json = dict[str, Any]
DAY_S = 86_400
SHOWN = 6  # characters of a secret behind its usual beginning


def name(call: Call, where: str, value: Any) -> None:
    """Text for people, without control characters."""
    right = isinstance(value, str) and 0 < len(value) <= 100 and bool(value.strip())
    if not right or any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        refuse(call, where, "1 to 100 characters, none of them a control character")


def scopes(call: Call, where: str, value: Any) -> None:
    array(one_of(SCOPES), 1, len(SCOPES))(call, where, value)
    if len(set(value)) != len(value):
        refuse(call, where, "no scope twice")


MEMBERS: Members = {"name": required(name), "scopes": required(scopes), "ttl_days": optional(integer(1, 365), 90)}


async def list_keys(call: Call) -> Reply:
    """GET /orgs/{org_id}/api-keys."""
    orgs = call.gateway.orgs
    orgs.check_org(call)
    return json_reply(call, {"data": [orgs.key_row(found) for found in orgs.listed(call)]})


async def create_key(call: Call) -> Reply:
    """POST /orgs/{org_id}/api-keys."""
    orgs = call.gateway.orgs
    orgs.check_org(call)
    asked = await read_members(call, orgs.members)
    orgs.check_scopes(call, asked["scopes"])
    secret = orgs.new_secret(call)
    made = orgs.credential(call, asked, secret)
    call.state.ledger.keys.add(secret, made.id, made.account, None)
    _part(call).credentials.add(made)
    body = {**orgs.key_row(made), "secret": secret}
    return Reply(201, encode(body), [("Content-Type", call.gateway.json_content_type), ("Cache-Control", "no-store")])


async def delete_key(call: Call) -> Reply:
    """DELETE /orgs/{org_id}/api-keys/{key_id}."""
    orgs = call.gateway.orgs
    orgs.check_org(call)
    orgs.revoke(call, there(call, orgs.find(call, call.params["key_id"]), "key"))
    return Reply(204, b"", [])


def check_org(call: Call) -> None:
    """Another organisation is one that does not exist."""
    if call.params["org_id"] != org_id(call.gateway.account_of(call)):
        raise call.gateway.refuse_unknown(call, "organisation")


def check_scopes(call: Call, asked: list[str]) -> None:
    """Nobody gives what they have not."""
    own: Credential | None = call.facts.get("credential")
    for scope in asked:
        if own is not None and scope not in own.scopes:
            raise call.gateway.orgs.refuse_scope(call, scope)


def new_secret(call: Call) -> str:
    return call.state.traits.key_prefix + secrets.token_hex(24)


def credential_of(call: Call, asked: Mapping[str, Any], secret: str) -> Credential:
    now = call.state.clock.now()
    return Credential(
        id="key_" + secrets.token_hex(10),
        kind=KEY,
        account=call.gateway.account_of(call),
        name=asked["name"],
        prefix=secret[: len(call.state.traits.key_prefix) + SHOWN],
        scopes=tuple(asked["scopes"]),
        created=now,
        expires=now + asked["ttl_days"] * DAY_S,
    )


def listed(call: Call) -> list[Credential]:
    return _part(call).credentials.keys(call.gateway.account_of(call))


def find(call: Call, key_id: str) -> Credential | None:
    """A key of the caller's organisation."""
    found = _part(call).credentials.get(key_id)
    is_own = found is not None and found.kind == KEY and found.account == call.gateway.account_of(call)
    return found if is_own else None


def revoke(call: Call, credential: Credential) -> None:
    """Refused from now on, and gone from the list."""
    call.state.ledger.keys.revoke(credential.id)
    _part(call).credentials.remove(credential.id)


def key_row(credential: Credential) -> Json:
    return {
        "id": credential.id,
        "name": credential.name,
        "prefix": credential.prefix,
        "scopes": list(credential.scopes),
        "created_at": moment(credential.created),
        "expires_at": moment(credential.expires),
    }


def moment(at: float) -> str:
    """Unix seconds as RFC 3339, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _part(call: Call) -> OrgsPart:
    part: OrgsPart = call.state.parts["orgs"]
    return part
