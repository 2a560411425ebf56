"""Sign-in: OAuth 2.0 for devices (RFC 8628) and an OpenID Connect provider with PKCE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mockserver.services.service import Route, Service
from mockserver.services.sign_in.clients import CLIENTS, REDIRECT_URI
from mockserver.services.sign_in.decisions import Decisions
from mockserver.services.sign_in.grants import SCHEMA, Grants
from mockserver.services.sign_in.signing import Signer, open_signer

if TYPE_CHECKING:
    from mockserver.services.storage import Storage
    from mockserver.state import State


class SignInPart:
    """Codes that are out, and the key that id tokens are signed with."""

    def __init__(self, grants: Grants, signer: Signer) -> None:
        self.grants, self.signer = grants, signer

    def reset(self) -> None:
        self.grants.clear()


def open_part(storage: Storage, _: State) -> SignInPart:
    db = storage.connect(SCHEMA)
    return SignInPart(Grants(db), open_signer(db, lasting=storage.path is not None))


def names(_: State) -> Mapping[str, str]:
    return {"device_client": CLIENTS[0].id, "login_client": CLIENTS[1].id, "redirect_uri": REDIRECT_URI}


def _public(method: str, path: str, decision: str) -> Route:
    return Route(method, path, f"sign_in.{decision}", rooted=True, public=True)


SERVICE = Service(
    "sign-in",
    (
        _public("POST", "/oauth/device/code", "device_code"),
        _public("GET", "/oauth/device", "device_page"),
        _public("POST", "/oauth/device", "decide_device"),
        _public("GET", "/oauth/authorize", "authorize_page"),
        _public("POST", "/oauth/authorize", "sign_in"),
        _public("POST", "/oauth/token", "token"),
        Route("GET", "/oauth/userinfo", "sign_in.userinfo", rooted=True),
        _public("GET", "/oauth/jwks", "jwks"),
        _public("GET", "/.well-known/openid-configuration", "configuration"),
    ),
    open=open_part,
    names=names,
)
__all__ = ["SERVICE", "Decisions", "SignInPart"]
