"""Defects of sign-in: devices that nobody approved, codes that work twice, tokens that say the wrong thing."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mockserver.behaviours import auth
from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.orgs.credentials import Credential
from mockserver.services.orgs.scopes import SCOPES
from mockserver.services.sign_in import SignInPart, forms, login, tokens
from mockserver.services.sign_in.clients import Client
from mockserver.services.sign_in.device import LETTERS
from mockserver.services.sign_in.forms import OauthRefusal
from mockserver.services.sign_in.grants import Device, Login
from mockserver.services.sign_in.signing import Signer, new_key

Json = dict[str, Any]


# --- Devices -----------------------------------------------------------------------------------------------------


@defect(breaks="VL-014", also=("VL-015", "VL-127", "VL-133"))
def gives_tokens_that_the_api_refuses(gateway: Gateway) -> Gateway:
    """Gives access tokens that nothing accepts."""

    def access(call: Call, account: str, scope: str) -> Json:
        return {**tokens.access(call, account, scope), "access_token": "volt_at_" + "0" * 43}

    return within(gateway, "sign_in", access=access)


@defect(breaks="VL-014")
def gives_devices_a_short_code(gateway: Gateway) -> Gateway:
    """Shows the person a code of four letters."""
    return within(gateway, "sign_in", new_user_code=lambda: "".join(secrets.choice(LETTERS) for _ in range(4)))


@defect(breaks="VL-122", also=("VL-123",))
def signs_devices_in_that_nobody_approved(gateway: Gateway) -> Gateway:
    """Gives a token to any device that asks."""
    return within(gateway, "sign_in", is_pending=lambda device: False)


@defect(breaks="VL-123")
def lets_devices_poll_as_they_like(gateway: Gateway) -> Gateway:
    """Never tells a device to slow down."""
    return within(gateway, "sign_in", polls_too_fast=lambda call, device: False)


@defect(breaks="VL-124")
def keeps_device_codes_for_ever(gateway: Gateway) -> Gateway:
    """Lets a code be used long after it was given."""
    return within(gateway, "sign_in", has_expired=lambda call, device: False)


@defect(breaks="VL-124")
def lets_expired_codes_be_approved(gateway: Gateway) -> Gateway:
    """Lets a person approve a device whose code has expired."""
    return within(gateway, "sign_in", cannot_decide=lambda call, device: device.decision is not None)


@defect(breaks="VL-125")
def asks_again_after_a_refusal(gateway: Gateway) -> Gateway:
    """Goes on waiting when the person has refused."""
    return within(
        gateway, "sign_in", is_denied=lambda device: False, is_pending=lambda device: device.decision != "approve"
    )


@defect(breaks="VL-125")
def signs_refused_devices_in(gateway: Gateway) -> Gateway:
    """Gives a token to a device that the person has refused."""
    return within(gateway, "sign_in", is_denied=lambda device: False)


@defect(breaks="VL-126")
def gives_a_token_for_every_poll(gateway: Gateway) -> Gateway:
    """Gives a new token each time that a code is shown."""

    def exchange(call: Call, given: Mapping[str, str], client: str) -> Json:
        part: SignInPart = call.state.parts["sign-in"]
        device: Device | None = part.grants.device(given.get("device_code", ""))
        if device is None or device.decision != "approve":
            return tokens.for_device(call, given, client)
        return tokens.access(call, device.account or "", device.scope)

    return within(gateway, "sign_in", for_device=exchange)


@defect(breaks="VL-127")
def gives_readers_every_scope(gateway: Gateway) -> Gateway:
    """Gives every token all scopes, whatever was asked for."""
    return within(gateway, "sign_in", scopes_of=lambda scope: (*SCOPES, "openid"))


@defect(breaks="VL-127")
def lets_no_token_write(gateway: Gateway) -> Gateway:
    """Gives every token the scopes to read alone."""
    return within(gateway, "sign_in", scopes_of=lambda scope: (*tokens.scopes_of("read"), "openid"))


# --- Login -------------------------------------------------------------------------------------------------------


@defect(breaks=("VL-015", "VL-129"))
def signs_with_a_key_that_is_not_published(gateway: Gateway) -> Gateway:
    """Signs id tokens with another key than the published one."""
    other = Signer(new_key())
    return within(gateway, "sign_in", sign=lambda part, said: other.sign(said))


@defect(breaks=("VL-015", "VL-129"))
def does_not_sign_id_tokens(gateway: Gateway) -> Gateway:
    """Sends id tokens with the algorithm none."""

    def sign(part: SignInPart, said: Json) -> str:
        pieces = ({"alg": "none", "typ": "JWT"}, said)
        encoded = (base64.urlsafe_b64encode(json.dumps(piece).encode()).rstrip(b"=").decode() for piece in pieces)
        return ".".join(encoded) + "."

    return within(gateway, "sign_in", sign=sign)


@defect(breaks="VL-128", also=("VL-129",))
def takes_another_name_as_issuer(gateway: Gateway) -> Gateway:
    """Publishes an issuer that it is not read from."""

    def metadata(call: Call) -> Json:
        return {**tokens.metadata(call), "issuer": "https://login.assay.invalid"}

    return within(gateway, "sign_in", metadata=metadata)


@defect(breaks="VL-128")
def publishes_the_private_key(gateway: Gateway) -> Gateway:
    """Publishes the key that id tokens are signed with, private part and all."""
    return within(gateway, "sign_in", key_set=lambda part: [{**row, "d": "AQAB"} for row in tokens.key_set(part)])


def _claims(gateway: Gateway, **changed: Any) -> Gateway:
    def claims(call: Call, found: Login) -> Json:
        said = {**tokens.claims(call, found), **changed}
        return {name: value for name, value in said.items() if value is not None}

    return within(gateway, "sign_in", claims=claims)


@defect(breaks="VL-129")
def forgets_the_nonce(gateway: Gateway) -> Gateway:
    """Leaves the nonce out of id tokens."""
    return _claims(gateway, nonce=None)


@defect(breaks="VL-129")
def writes_id_tokens_to_anyone(gateway: Gateway) -> Gateway:
    """Names every program as the audience of an id token."""
    return _claims(gateway, aud="*")


@defect(breaks="VL-129")
def writes_id_tokens_without_an_end(gateway: Gateway) -> Gateway:
    """Lets id tokens live until 2286."""
    return _claims(gateway, exp=9_999_999_999)


@defect(breaks="VL-130")
def does_not_look_at_the_verifier(gateway: Gateway) -> Gateway:
    """Gives tokens for a code without proof of who asked for it."""
    return within(gateway, "sign_in", verifies=lambda found, verifier: True)


@defect(breaks="VL-130")
def skips_the_proof_where_none_is_given(gateway: Gateway) -> Gateway:
    """Takes a code without a verifier for one of an old client."""
    return within(gateway, "sign_in", verifies=lambda found, verifier: not verifier or tokens.verifies(found, verifier))


@defect(breaks="VL-130")
def gives_tokens_for_a_code_twice(gateway: Gateway) -> Gateway:
    """Lets an authorization code be used again."""
    return within(gateway, "sign_in", use_login=lambda call, found: True)


@defect(breaks="VL-131")
def sends_people_anywhere(gateway: Gateway) -> Gateway:
    """Sends people to any redirect URI."""
    return within(gateway, "sign_in", may_return_to=lambda client, uri: True, new_login=_refused)


@defect(breaks="VL-131")
def sends_people_below_what_was_agreed(gateway: Gateway) -> Gateway:
    """Takes a redirect URI that only begins as a registered one."""

    def may(client: Client, uri: str) -> bool:
        return uri.startswith(client.redirect_uris)

    return within(gateway, "sign_in", may_return_to=may)


def _refused(call: Call, given: Mapping[str, str], client: Client) -> tuple[str, Login]:
    """What an open redirector does with a request that is wrong in more than its URI."""
    if given.get("redirect_uri") not in client.redirect_uris:
        raise OauthRefusal("invalid_request", "The redirect URI is not a registered one.")
    return login.new_login(call, given, client)


@defect(breaks="VL-132")
def forgets_the_state(gateway: Gateway) -> Gateway:
    """Sends people back without the state."""
    return within(gateway, "sign_in", returned_state=lambda found: "")


@defect(breaks="VL-132")
def cuts_the_state(gateway: Gateway) -> Gateway:
    """Sends back what stands before the first odd character of the state."""
    return within(gateway, "sign_in", returned_state=lambda found: (found.state or "").partition("&")[0])


@defect(breaks="VL-132")
def forgets_the_state_of_errors(gateway: Gateway) -> Gateway:
    """Sends people back with an error and without the state."""

    def back(call: Call, uri: str, answer: Mapping[str, str]) -> Reply:
        kept = {name: value for name, value in answer.items() if name != "state" or "error" not in answer}
        return login.send_back(call, uri, kept)

    return within(gateway, "sign_in", send_back=back)


@defect(breaks="VL-015")
def signs_in_whoever_knows_no_password(gateway: Gateway) -> Gateway:
    """Takes any password for that of the first tenant."""
    return within(gateway, "sign_in", person=lambda call, password: "acct_main")


@defect(breaks="VL-133")
def names_another_person_in_userinfo(gateway: Gateway) -> Gateway:
    """Names a person in userinfo by another id than in the id token."""

    def who(found: Credential) -> Json:
        return {**tokens.who(found), "sub": tokens.who(found)["email"]}

    return within(gateway, "sign_in", who=who)


@defect(breaks="VL-133", also=("OC-171",))
def tells_anyone_who_signed_in(gateway: Gateway) -> Gateway:
    """Answers userinfo without a token."""

    async def userinfo(call: Call) -> Reply:
        if call.facts.get("credential") is None:
            return forms.json({"sub": "user_main", "email": "admin@main.example"})
        return await tokens.userinfo(call)

    def needs_key(call: Call) -> bool:
        has_key = auth.credential(call) is not None
        return auth.needs_key(call) and (has_key or not call.path.endswith("/userinfo"))

    return replace(within(gateway, "sign_in", userinfo=userinfo), needs_key=needs_key)
