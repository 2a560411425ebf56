"""The device flow, RFC 8628: a code for the device, a short one for the person, and a decision."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from mockserver.call import Reply
from mockserver.services.sign_in import pages
from mockserver.services.sign_in.clients import DEVICE, find_client
from mockserver.services.sign_in.forms import OauthRefusal, json, needed, read_form, refused, scopes_of
from mockserver.services.sign_in.grants import Device, digest

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.services.sign_in import SignInPart
    from mockserver.services.sign_in.decisions import Decisions

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels: no words, and nothing that is mistaken for a digit (RFC 8628, 6.1)
SLOWER_S = 5


async def device_code(call: Call) -> Reply:
    """POST /oauth/device/code."""
    own = _own(call)
    try:
        given = await read_form(call)
        client = find_client(needed(given, "client_id"))
        if client is None or DEVICE not in client.grants:
            raise OauthRefusal("invalid_client", "There is no such client.", 401)
        scopes = scopes_of(given, client.scopes, "read")
    except OauthRefusal as refusal:
        return refused(refusal)
    code, user_code = own.new_code(), own.new_user_code()
    expires = call.state.clock.now() + own.device_ttl_s
    _part(call).grants.add_device(
        Device(digest(code), _plain(user_code), client.id, " ".join(scopes), expires, own.interval_s)
    )
    page = own.issuer(call) + "/oauth/device"
    return json(
        {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={quote(user_code)}",
            "expires_in": int(own.device_ttl_s),
            "interval": int(own.interval_s),
        }
    )


def new_code() -> str:
    return secrets.token_urlsafe(32)


def new_user_code() -> str:
    """Eight letters in two groups: 34 bits, for a quarter of an hour at most."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


async def device_page(call: Call) -> Reply:
    """GET /oauth/device."""
    return pages.device(dict(parse_qsl(call.query)).get("user_code", ""))


async def decide_device(call: Call) -> Reply:
    """POST /oauth/device: a person who signs in with a key of the tenant approves or refuses."""
    own = _own(call)
    try:
        given = await read_form(call)
        user_code, decision = needed(given, "user_code"), needed(given, "decision")
        account = own.person(call, needed(given, "password"))
    except OauthRefusal as refusal:
        return pages.told("Not connected", refusal.description, 400)
    if account is None:
        return pages.told("Not connected", "This key is not valid.", 401)
    device = _part(call).grants.device_of(_plain(user_code))
    if device is None or decision not in ("approve", "deny") or own.cannot_decide(call, device):
        return pages.told("Not connected", "There is no such code, or it has expired.", 400)
    own.decide(call, device, decision, account)
    return pages.told("Connected" if decision == "approve" else "Refused", "You can go back to your device.")


def cannot_decide(call: Call, device: Device) -> bool:
    return device.decision is not None or call.state.clock.now() >= device.expires


def decide(call: Call, device: Device, decision: str, account: str) -> None:
    _part(call).grants.decide(device, decision, account)


def poll(call: Call, device: Device) -> None:
    """What keeps a device from its token, in the order that RFC 8628 gives. Raises OauthRefusal."""
    own, now, grants = _own(call), call.state.clock.now(), _part(call).grants
    if device.used:
        raise OauthRefusal("invalid_grant", "This code has been used.")
    if own.has_expired(call, device):
        raise OauthRefusal("expired_token", "This code has expired.")
    hurried = own.polls_too_fast(call, device)
    grants.poll(device, now, device.interval + (SLOWER_S if hurried else 0))
    if hurried:
        raise OauthRefusal("slow_down", "Wait longer between two requests.")
    if own.is_denied(device):
        raise OauthRefusal("access_denied", "The person has refused.")
    if own.is_pending(device):
        raise OauthRefusal("authorization_pending", "The person has not decided yet.")


def has_expired(call: Call, device: Device) -> bool:
    return call.state.clock.now() >= device.expires


def polls_too_fast(call: Call, device: Device) -> bool:
    return device.polled is not None and call.state.clock.now() - device.polled < device.interval


def is_denied(device: Device) -> bool:
    return device.decision == "deny"


def is_pending(device: Device) -> bool:
    return device.decision is None


def _plain(user_code: str) -> str:
    """As it is compared: in capitals, without what people put between."""
    return "".join(char for char in user_code.upper() if char in LETTERS)


def _part(call: Call) -> SignInPart:
    part: SignInPart = call.state.parts["sign-in"]
    return part


def _own(call: Call) -> Decisions:
    return call.gateway.sign_in
