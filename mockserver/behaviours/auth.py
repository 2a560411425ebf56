"""Who may call: a key that exists and is not revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.ledger import Key


def credential(call: Call) -> str | None:
    """The key in the contract's header, by itself or as `Bearer <key>`; that word's case does not matter."""
    traits = call.state.traits
    sent = call.headers.get(traits.key_header, "")
    if traits.key_scheme == "key":
        return sent.strip() or None
    scheme, _, secret = sent.partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


def find_key(call: Call, secret: str) -> Key | None:
    """The live key; one that was revoked is not found."""
    return call.state.ledger.keys.find(secret)


def needs_key(call: Call) -> bool:
    """Everything, except what a service opens to all and the model list where the contract leaves it open."""
    if (found := call.state.router.match(call.path)) and call.method in found.routes:
        return not found.routes[call.method].public
    return call.state.traits.key_on_models or not call.path.startswith(call.state.traits.base_path + "/models")


def account_of(call: Call) -> str:
    """The account that a call is billed to."""
    assert call.key is not None
    return call.key.account


async def authenticate(call: Call) -> None:
    """The admission step: every call needs a key, before anything else is looked at."""
    if not call.gateway.needs_key(call):
        return
    secret = call.gateway.credential(call)
    if secret is None:
        raise call.gateway.refuse_no_key(call)
    call.key = call.gateway.find_key(call, secret)
    if call.key is None:
        raise call.gateway.refuse_bad_key(call)
