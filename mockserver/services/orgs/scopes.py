"""Which scope an operation wants, and who has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockserver.refusal import Refusal
from mockserver.services.orgs.credentials import Credential

if TYPE_CHECKING:
    from mockserver.call import Call

SCOPES = (
    "spark.read",
    "spark.write",
    "forge.read",
    "forge.write",
    "vault.read",
    "vault.write",
    "billing.read",
    "org.read",
    "org.write",
)
AREAS = {
    "chat": "spark",
    "completions": "spark",
    "embeddings": "spark",
    "models": "spark",
    "fine-tuning": "spark",
    "forge": "forge",
    "vault": "vault",
    "usage": "billing",
    "orgs": "org",
}


def admit(call: Call) -> None:
    """An expired credential is none, and one without the scope may not. Raises 401 or 403."""
    if call.key is None:
        return
    orgs = call.gateway.orgs
    found = call.state.parts["orgs"].credentials.get(call.key.key_id)
    if found is None:
        return
    call.facts["credential"] = found
    if orgs.is_expired(call, found):
        raise call.gateway.refuse_bad_key(call)
    wanted = orgs.wanted(call)
    if wanted is not None and not orgs.has(found, wanted):
        raise orgs.refuse_scope(call, wanted)


def is_expired(call: Call, credential: Credential) -> bool:
    return call.state.clock.now() >= credential.expires


def wanted(call: Call) -> str | None:
    """The scope of the operation; None for what any credential may do."""
    area = AREAS.get(call.path.removeprefix(call.state.traits.base_path + "/").split("/")[0])
    if area is None:
        return None
    return f"{area}.read" if call.method in ("GET", "HEAD") else f"{area}.write"


def has(credential: Credential, scope: str) -> bool:
    return scope in credential.scopes


def refuse_scope(call: Call, scope: str) -> Refusal:
    headers = (("WWW-Authenticate", f'Bearer error="insufficient_scope", scope="{scope}"'),)
    message = f"This credential has not the scope {scope}."
    return Refusal(403, "insufficient_scope", message, "permission_error", headers=headers)
