"""The token endpoint, and what a token is good for: access tokens are keys with scopes and an end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockserver.call import Reply
from mockserver.refusal import Refusal
from mockserver.services.orgs.credentials import TOKEN, Credential
from mockserver.services.orgs.scopes import SCOPES
from mockserver.services.sign_in.clients import CODE, DEVICE, find_client
from mockserver.services.sign_in.forms import OauthRefusal, json, needed, read_form, refused
from mockserver.services.sign_in.signing import ALGORITHM
from mockserver.services.tenancy import org_id, spiffe_id, tenant_name

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.services.sign_in import SignInPart
    from mockserver.services.sign_in.decisions import Decisions
    from mockserver.services.sign_in.grants import Login

Json = dict[str, Any]


async def token(call: Call) -> Reply:
    """POST /oauth/token."""
    try:
        given = await read_form(call)
        grant = needed(given, "grant_type")
        client = find_client(needed(given, "client_id"))
        if client is None:
            raise OauthRefusal("invalid_client", "There is no such client.", 401)
        if grant not in (CODE, DEVICE):
            raise OauthRefusal("unsupported_grant_type", "This grant is not supported.")
        if grant not in client.grants:
            raise OauthRefusal("unauthorized_client", "This client may not use this grant.")
        exchange = _own(call).for_code if grant == CODE else _own(call).for_device
        return json(exchange(call, given, client.id))
    except OauthRefusal as refusal:
        return refused(refusal)


def for_device(call: Call, given: Mapping[str, str], client: str) -> Json:
    """The token of a device that was approved. Raises OauthRefusal."""
    grants, own = _part(call).grants, _own(call)
    device = grants.device(needed(given, "device_code"))
    if device is None or device.client != client:
        raise OauthRefusal("invalid_grant", "There is no such code.")
    own.poll(call, device)
    if not grants.use_device(device):
        raise OauthRefusal("invalid_grant", "This code has been used.")
    return own.access(call, device.account or "", device.scope)


def for_code(call: Call, given: Mapping[str, str], client: str) -> Json:
    """The tokens of a login. Raises OauthRefusal."""
    own = _own(call)
    login = _part(call).grants.login_of(needed(given, "code"))
    if login is None or not own.is_owner(login, given, client) or call.state.clock.now() >= login.expires:
        raise OauthRefusal("invalid_grant", "There is no such code for this client and redirect URI.")
    if not own.verifies(login, given.get("code_verifier", "")):
        raise OauthRefusal("invalid_grant", "The verifier is not that of the challenge.")
    if not own.use_login(call, login):
        raise OauthRefusal("invalid_grant", "This code has been used.")
    made = own.access(call, login.account or "", login.scope)
    return {**made, "id_token": own.sign(_part(call), own.claims(call, login))}


def sign(part: SignInPart, said: Json) -> str:
    return part.signer.sign(said)


def is_owner(login: Login, given: Mapping[str, str], client: str) -> bool:
    return login.client == client and login.redirect_uri == given.get("redirect_uri")


def verifies(login: Login, verifier: str) -> bool:
    """RFC 7636, section 4.6."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(made, login.challenge)


def use_login(call: Call, login: Login) -> bool:
    """Whether the code was not used before."""
    return _part(call).grants.use_login(login)


def access(call: Call, account: str, scope: str) -> Json:
    """A new access token, kept as a key of the account that ends by itself."""
    own, now = _own(call), call.state.clock.now()
    secret, token_id = "volt_at_" + secrets.token_urlsafe(32), "tok_" + secrets.token_hex(10)
    call.state.ledger.keys.add(secret, token_id, account, None)
    scopes, subject = own.scopes_of(scope), subject_of(account)
    made = Credential(token_id, TOKEN, account, "", "", scopes, now, now + own.token_ttl_s, subject)
    call.state.parts["orgs"].credentials.add(made)
    return {"access_token": secret, "token_type": "Bearer", "expires_in": int(own.token_ttl_s), "scope": scope}


def scopes_of(scope: str) -> tuple[str, ...]:
    """read and write as the scopes of keys, and openid for who it is."""
    asked = scope.split()
    kinds = tuple(name for name in SCOPES if name.rsplit(".", 1)[1] in asked)
    return (*kinds, "openid") if "openid" in asked else kinds


def subject_of(account: str) -> str:
    return f"user_{tenant_name(account)}"


def claims(call: Call, login: Login) -> Json:
    """OpenID Connect Core, section 2."""
    own, now, account = _own(call), int(call.state.clock.now()), login.account or ""
    found = {"iss": own.issuer(call), "sub": subject_of(account), "aud": login.client, "iat": now, "auth_time": now}
    about = {"org_id": org_id(account), "tenant": spiffe_id(account)}
    nonce = {"nonce": login.nonce} if login.nonce else {}
    return {**found, "exp": now + int(own.token_ttl_s), **nonce, **about}


async def userinfo(call: Call) -> Reply:
    """GET /oauth/userinfo, with an access token of a login."""
    found: Credential | None = call.facts.get("credential")
    if found is None or "openid" not in found.scopes:
        raise Refusal(403, "insufficient_scope", "This needs a token with the scope openid.", "permission_error")
    return json(_own(call).who(found))


def who(found: Credential) -> Json:
    email = f"admin@{tenant_name(found.account).lower()}.example"
    return {
        "sub": found.subject,
        "email": email,
        "email_verified": True,
        "org_id": org_id(found.account),
        "tenant": spiffe_id(found.account),
    }


async def jwks(call: Call) -> Reply:
    """GET /oauth/jwks."""
    return json({"keys": _own(call).key_set(_part(call))})


def key_set(part: SignInPart) -> list[Json]:
    return [part.signer.public()]


async def configuration(call: Call) -> Reply:
    """GET /.well-known/openid-configuration."""
    return json(_own(call).metadata(call))


def metadata(call: Call) -> Json:
    issuer = _own(call).issuer(call)
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "device_authorization_endpoint": f"{issuer}/oauth/device/code",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "scopes_supported": ["openid", "read", "write"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [CODE, DEVICE],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def issuer(call: Call) -> str:
    """The origin that this server is reached by; it never trusts the Host header of a request."""
    return call.state.origin


def _part(call: Call) -> SignInPart:
    part: SignInPart = call.state.parts["sign-in"]
    return part


def _own(call: Call) -> Decisions:
    return call.gateway.sign_in
