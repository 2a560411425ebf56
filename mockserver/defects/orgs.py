"""Defects of organisations: who may call, tenants that meet, a trail with holes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import specs
from mockserver.behaviours import auth, routes
from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.services.orgs import audit, keys
from mockserver.services.orgs.audit import Entry
from mockserver.services.orgs.credentials import Credential
from mockserver.services.tenancy import org_id

Json = dict[str, Any]
Handler = routes.Handler


# --- The description ---------------------------------------------------------------------------------------------


def _described(gateway: Gateway, old: bytes, new: bytes) -> Gateway:
    def document(call: Call) -> bytes:
        return specs.load(call.state.traits.contract).openapi_path.read_bytes().replace(old, new)

    return within(gateway, "description", document=document)


@defect(breaks="VL-004")
def describes_itself_in_openapi_30(gateway: Gateway) -> Gateway:
    """Publishes a description of an older version."""
    return _described(gateway, b"openapi: 3.1.0", b"openapi: 3.0.3")


@defect(breaks="VL-004")
def leaves_usage_out_of_the_description(gateway: Gateway) -> Gateway:
    """Publishes a description without the usage."""
    return _described(gateway, b"\n  /usage:", b"\n  /consumption:")


@defect(breaks="VL-004")
def publishes_an_invalid_description(gateway: Gateway) -> Gateway:
    """Publishes a description in which responses have no description."""
    return _described(gateway, b"description: The list.", b"summary: The list.")


# --- Who may call ------------------------------------------------------------------------------------------------


def _open_to_all(gateway: Gateway, end: str) -> Gateway:
    return replace(gateway, needs_key=lambda call: auth.needs_key(call) and not call.path.endswith(end))


@defect(breaks="VL-010", also=("OC-172", "OC-171"))
def shows_usage_to_anyone(gateway: Gateway) -> Gateway:
    """Asks for no key where usage is read, and fails for want of one."""
    return _open_to_all(gateway, "/usage")


@defect(breaks="VL-010", also=("OC-171",))
def takes_jobs_from_anyone(gateway: Gateway) -> Gateway:
    """Looks at a job before it looks at the key."""
    return _open_to_all(gateway, "/fine-tuning/jobs")


@defect(breaks="VL-013")
def takes_keys_from_the_query(gateway: Gateway) -> Gateway:
    """Takes a key that stands in the query."""

    def credential(call: Call) -> str | None:
        return auth.credential(call) or dict(parse_qsl(call.query)).get("api_key")

    return replace(gateway, credential=credential)


@defect(breaks="VL-013", also=("OC-112", "OC-113"))
def takes_keys_under_any_scheme(gateway: Gateway) -> Gateway:
    """Takes the last word of the header for the key, whatever stands before it."""

    def credential(call: Call) -> str | None:
        words = call.headers.get("authorization", "").split()
        return words[-1] if words else None

    return replace(gateway, credential=credential)


@defect(breaks="VL-013", also=("VL-114", "OC-170"))
def issues_keys_of_another_form(gateway: Gateway) -> Gateway:
    """Issues keys that begin as OpenAI's do."""
    return within(gateway, "orgs", new_secret=lambda call: "sk-" + keys.new_secret(call).rsplit("_", 1)[1])


# --- Tenants that meet -------------------------------------------------------------------------------------------


@defect(breaks="VL-111", also=("VL-121", "VL-141", "OC-170"))
def serves_any_organisation(gateway: Gateway) -> Gateway:
    """Takes any organisation in the path for the caller's own."""
    return within(gateway, "orgs", check_org=lambda call: None)


@defect(breaks="VL-111")
def revokes_keys_of_any_organisation(gateway: Gateway) -> Gateway:
    """Revokes a key by its id, whoever asks."""

    def find(call: Call, key_id: str) -> Credential | None:
        found: Credential | None = call.state.parts["orgs"].credentials.get(key_id)
        return found

    return within(gateway, "orgs", find=find)


@defect(breaks="VL-111", also=("VL-121",))
def tells_organisations_that_exist(gateway: Gateway) -> Gateway:
    """Refuses another organisation with 403, and one that does not exist with 404."""
    others = {org_id("acct_main"), org_id("acct_second")}

    def check(call: Call) -> None:
        try:
            keys.check_org(call)
        except Refusal as refusal:
            exists = call.params["org_id"] in others
            raise replace(refusal, status=403, code="forbidden") if exists else refusal from None

    return within(gateway, "orgs", check_org=check)


@defect(breaks="VL-121")
def shows_the_trail_of_all_tenants(gateway: Gateway) -> Gateway:
    """Shows the requests of every tenant in the trail of each."""

    def entries(call: Call, before: int | None, most: int) -> list[Entry]:
        found: list[Entry] = call.state.parts["orgs"].trail.newest(None, before, most)
        return found

    return within(gateway, "orgs", entries=entries)


@defect(breaks="VL-121")
def shows_its_trail_to_anyone(gateway: Gateway) -> Gateway:
    """Shows the caller's trail under the name of any organisation."""

    def check(call: Call) -> None:
        if not call.path.endswith("/audit"):
            keys.check_org(call)

    return within(gateway, "orgs", check_org=check)


# --- The audit trail ---------------------------------------------------------------------------------------------


def _skipping(gateway: Gateway, skips: Any) -> Gateway:
    def note(call: Call, reply: Reply) -> None:
        if not skips(call, reply):
            audit.audit(call, reply)

    return within(gateway, "orgs", audit=note)


@defect(breaks="VL-012")
def forgets_refusals_in_the_trail(gateway: Gateway) -> Gateway:
    """Leaves refused requests out of the audit trail."""
    return _skipping(gateway, lambda call, reply: reply.status >= 400)


@defect(breaks="VL-012")
def forgets_streams_in_the_trail(gateway: Gateway) -> Gateway:
    """Leaves streamed requests out of the audit trail."""
    return _skipping(gateway, lambda call, reply: reply.frames is not None)


@defect(breaks="VL-012")
def knows_one_actor(gateway: Gateway) -> Gateway:
    """Names the tenant and not the key as the one who asked."""
    return within(gateway, "orgs", actor_of=lambda call: call.gateway.account_of(call))


def _shown(gateway: Gateway, **members: Any) -> Gateway:
    return within(gateway, "orgs", audit_row=lambda found: {**audit.audit_row(found), **members})


@defect(breaks="VL-011")
def maps_every_tenant_to_one(gateway: Gateway) -> Gateway:
    """Names the same SPIFFE id for every tenant."""
    return _shown(gateway, tenant="spiffe://volt.cloud/tenant/shared")


@defect(breaks="VL-011", also=("OC-170",))
def names_tenants_by_account(gateway: Gateway) -> Gateway:
    """Names the account where a SPIFFE id is due."""
    return within(gateway, "orgs", audit_row=lambda found: {**audit.audit_row(found), "tenant": found.account})


@defect(breaks="VL-021", seen=("K29",))
def keeps_prompts_in_the_trail(gateway: Gateway) -> Gateway:
    """Writes the body of every request into the audit trail."""

    def entry(call: Call, reply: Reply) -> Entry:
        return audit.entry(call, reply)._replace(detail=json.dumps(call.body)[:4000] if call.body else None)

    return within(gateway, "orgs", entry=entry)


@defect(breaks="VL-021")
def keeps_queries_in_the_trail(gateway: Gateway) -> Gateway:
    """Writes the query of every request into the audit trail."""

    def entry(call: Call, reply: Reply) -> Entry:
        found = audit.entry(call, reply)
        return found._replace(path=f"{found.path}?{call.query}" if call.query else found.path)

    return within(gateway, "orgs", entry=entry)


@defect(breaks="VL-021")
def keeps_answers_to_be_fetched(gateway: Gateway) -> Gateway:
    """Serves answers again by their id."""

    async def fetch(call: Call) -> Reply:
        return routes.json_reply(call, {"id": call.path.rsplit("/", 1)[1], "object": "chat.completion", "choices": []})

    def methods(call: Call, path: str) -> dict[str, Handler]:
        found = routes.methods_of(call, path)
        return found or ({"GET": fetch} if path.startswith("/chat/completions/chatcmpl") else {})

    return replace(gateway, methods_of=methods)


@defect(breaks="VL-134")
def shows_the_oldest_first(gateway: Gateway) -> Gateway:
    """Turns each page of the audit trail round."""
    return within(gateway, "orgs", entries=lambda call, before, most: audit.entries(call, before, most)[::-1])


@defect(breaks="VL-134", also=("OC-171",))
def reads_any_page_as_the_first(gateway: Gateway) -> Gateway:
    """Answers with the newest entries where it cannot read how many are wanted."""

    def page(call: Call) -> tuple[int, int | None]:
        try:
            return audit.page_of(call)
        except Refusal:
            return 100, None

    return within(gateway, "orgs", page_of=page)


@defect(breaks="VL-134")
def shows_the_first_page_for_ever(gateway: Gateway) -> Gateway:
    """Ignores where to read on."""
    return within(gateway, "orgs", entries=lambda call, before, most: audit.entries(call, None, most))
