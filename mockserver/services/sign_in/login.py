"""Login by OpenID Connect: the authorization endpoint, for the code flow with PKCE and nothing else."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mockserver.call import Reply
from mockserver.services.sign_in import pages
from mockserver.services.sign_in.clients import CODE, Client, find_client
from mockserver.services.sign_in.forms import OauthRefusal, fields, needed, read_form, scopes_of
from mockserver.services.sign_in.grants import Login, digest

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.services.sign_in import SignInPart
    from mockserver.services.sign_in.decisions import Decisions

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
LOGIN_TTL_S = 600


async def authorize_page(call: Call) -> Reply:
    """GET /oauth/authorize: the page, or back to the client with an error; nowhere for a client nobody knows."""
    own = _own(call)
    try:
        given = fields(call.query)
        client = find_client(needed(given, "client_id"))
        if client is None or CODE not in client.grants:
            raise OauthRefusal("invalid_client", "There is no such client.")
        uri = needed(given, "redirect_uri")
        if not own.may_return_to(client, uri):
            raise OauthRefusal("invalid_request", "The redirect URI is not a registered one.")
    except OauthRefusal as refusal:
        return pages.told("Sign-in is not possible", refusal.description, 400)
    try:
        login_id, login = own.new_login(call, given, client)
    except OauthRefusal as refusal:
        return own.send_back(call, uri, {"error": refusal.error, "state": given.get("state", "")})
    _part(call).grants.add_login(login)
    return pages.login(login_id, client.id)


def may_return_to(client: Client, uri: str) -> bool:
    return uri in client.redirect_uris


def new_login(call: Call, given: Mapping[str, str], client: Client) -> tuple[str, Login]:
    """What was asked, and the secret that the page carries. Raises OauthRefusal."""
    if needed(given, "response_type") != "code":
        raise OauthRefusal("unsupported_response_type", "Only code is supported.")
    scopes = scopes_of(given, client.scopes, "")
    if "openid" not in scopes:
        raise OauthRefusal("invalid_scope", "The scope openid is missing.")
    _own(call).check_challenge(given)
    login_id, expires = secrets.token_urlsafe(24), call.state.clock.now() + LOGIN_TTL_S
    state, nonce = given.get("state"), given.get("nonce")
    challenge = given.get("code_challenge", "")
    made = Login(digest(login_id), client.id, given["redirect_uri"], " ".join(scopes), state, nonce, challenge, expires)
    return login_id, made


def check_challenge(given: Mapping[str, str]) -> None:
    """PKCE with SHA-256. Raises OauthRefusal."""
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
        raise OauthRefusal("invalid_request", "A code challenge by S256 is required.")


async def sign_in(call: Call) -> Reply:
    """POST /oauth/authorize: a person who has a key of the tenant is sent back with a code."""
    own = _own(call)
    try:
        given = await read_form(call)
        login = _part(call).grants.login(needed(given, "request"))
        account = own.person(call, needed(given, "password"))
    except OauthRefusal as refusal:
        return pages.told("Not signed in", refusal.description, 400)
    if login is None or call.state.clock.now() >= login.expires:
        return pages.told("Not signed in", "This page has expired.", 400)
    if account is None:
        return pages.told("Not signed in", "This key is not valid.", 401)
    code = secrets.token_urlsafe(32)
    if not _part(call).grants.signed_in(login, account, code):
        return pages.told("Not signed in", "This page has been used.", 400)
    answer = {"code": code, "state": own.returned_state(login), "iss": own.issuer(call)}
    return own.send_back(call, login.redirect_uri, answer)


def person(call: Call, password: str) -> str | None:
    """The account of whoever signs in. The mock has no people: a live key of the tenant stands for one."""
    key = call.gateway.find_key(call, password)
    return key.account if key else None


def returned_state(login: Login) -> str:
    return login.state or ""


def send_back(call: Call, uri: str, answer: Mapping[str, str]) -> Reply:
    told = urlencode({name: value for name, value in answer.items() if value})
    return Reply(302, b"", [("Location", f"{uri}{'&' if '?' in uri else '?'}{told}"), ("Cache-Control", "no-store")])


def _part(call: Call) -> SignInPart:
    part: SignInPart = call.state.parts["sign-in"]
    return part


def _own(call: Call) -> Decisions:
    return call.gateway.sign_in
