"""A library of the field signs in: the device flow and an OpenID Connect login, against the control plane's mock."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from mockserver.serve import Options, Server
from mockserver.services.sign_in.clients import REDIRECT_URI

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(scope="module")
def volt() -> Iterator[Server]:
    with Server("volt-control-plane", options=Options(control_token="T")) as running:
        yield running


@pytest.fixture
def provider(volt: Server) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{volt.origin}/.well-known/openid-configuration").json()
    return found


def session(client: str, scope: str) -> OAuth2Session:
    """A public client, as a program on somebody's machine is."""
    return OAuth2Session(
        client, scope=scope, redirect_uri=REDIRECT_URI, token_endpoint_auth_method="none", code_challenge_method="S256"
    )


def test_a_program_signs_in_by_device(volt: Server, provider: dict[str, Any]) -> None:
    with session("volt-cli", "read write") as program:
        form = {"client_id": "volt-cli", "scope": "read write"}
        begun = program.post(provider["device_authorization_endpoint"], data=form, withhold_token=True).json()
        asked = {"grant_type": DEVICE, "device_code": begun["device_code"]}
        with pytest.raises(OAuthError) as waiting:
            program.fetch_token(provider["token_endpoint"], **asked)
        assert waiting.value.error == "authorization_pending"
        page = {"user_code": begun["user_code"].lower(), "password": volt.main_key, "decision": "approve"}
        assert httpx.post(begun["verification_uri"], data=page).status_code == 200
        volt.state.clock.advance(begun["interval"])
        token = program.fetch_token(provider["token_endpoint"], **asked)
        assert token["scope"] == "read write"
        assert program.get(f"{volt.base_url}/models").status_code == 200


def test_a_person_signs_in_by_openid_connect(volt: Server, provider: dict[str, Any]) -> None:
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    with session("volt-console", "openid read") as program:
        url, state = program.create_authorization_url(
            provider["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        request = re.search(r'name="request" value="([^"]+)"', httpx.get(url).text)
        assert request is not None
        form = {"request": request[1], "password": volt.main_key}
        sent_back = httpx.post(provider["authorization_endpoint"], data=form).headers["location"]
        assert parse_qs(urlsplit(sent_back).query)["state"] == [state]
        token = program.fetch_token(
            provider["token_endpoint"], authorization_response=sent_back, code_verifier=verifier, state=state
        )
        keys = KeySet.import_key_set(httpx.get(provider["jwks_uri"]).json())
        decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
        due = {"iss": {"value": provider["issuer"]}, "nonce": {"value": nonce}}
        claims = CodeIDToken(decoded.claims, decoded.header, due, {"client_id": "volt-console", "nonce": nonce})
        claims.validate(now=int(volt.state.clock.now()))
        who = program.get(provider["userinfo_endpoint"]).json()
        assert (who["sub"], who["tenant"]) == (claims["sub"], "spiffe://volt.cloud/tenant/main")
