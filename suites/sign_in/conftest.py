"""A device and a browser, as far as a sign-in needs one."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from harness.asking.ask import Ask
from harness.asking.control import Key
from harness.model import NotObserved
from harness.wire.exchange import Exchange

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
TOKENS = ("/access_token", "/id_token")


class Device:
    """A program without a browser, and the person who approves it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.client = ask.named("device_client")

    def begin(self, scope: str = "read") -> Exchange:
        """A code for the device. Raises NotObserved where no such endpoint is."""
        form = {"client_id": self.client, "scope": scope}
        answer = self._ask.send(
            "POST", "/oauth/device/code", form=form, key=None, from_host=True, secrets=("/device_code",)
        )
        if answer.status == 404:
            raise NotObserved("there is no /oauth/device/code")
        assert answer.status == 200, f"a request for a device code was answered with {answer.status}"
        return answer

    def poll(self, begun: Exchange) -> Exchange:
        code = self._ask.issued(begun, "/device_code").reveal()
        form = {"grant_type": GRANT, "client_id": self.client, "device_code": code}
        return self._ask.send("POST", "/oauth/token", form=form, key=None, from_host=True, secrets=TOKENS)

    def decide(self, begun: Exchange, decision: str = "approve") -> Exchange:
        """What the page says to the person who signs in on it."""
        page = urlsplit(begun.json["verification_uri"]).path
        password = self._ask.target.keys["main"].reveal()
        form = {"user_code": begun.json["user_code"], "password": password, "decision": decision}
        return self._ask.send("POST", page, form=form, key=None, from_host=True)

    def decided(self, begun: Exchange, decision: str = "approve") -> None:
        """Raises NotObserved where a person would be needed."""
        if self.decide(begun, decision).status != 200:
            raise NotObserved("nobody is there to approve the device: the page does not take the key of the tenant")

    def token(self, scope: str) -> tuple[Exchange, Key]:
        begun = self.begin(scope)
        self.decided(begun)
        answer = self.poll(begun)
        assert answer.status == 200, f"an approved device was answered with {answer.status} {problem(answer)}"
        return answer, Key(self._ask.issued(answer, "/access_token"), "token", "main")


@pytest.fixture(scope="session")
def device(ask: Ask) -> Device:
    return Device(ask)


def problem(answer: Exchange) -> str | None:
    """The error of a token endpoint."""
    found = answer.json.get("error") if isinstance(answer.json, dict) else None
    return found if isinstance(found, str) else None


@dataclass(frozen=True)
class Login:
    """A person who has signed in: where they were sent back to, and with what."""

    sent_back: str
    answer: dict[str, str]
    verifier: str
    nonce: str
    state: str


class Browser:
    """Signs in at the provider that the deployment publishes at its root."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.client, self.redirect_uri = ask.named("login_client"), ask.named("redirect_uri")
        self.published = ask.send("GET", "/.well-known/openid-configuration", key=None, from_host=True)
        if self.published.status == 404:
            raise NotObserved("the deployment publishes no OpenID Connect provider")

    @property
    def metadata(self) -> dict[str, Any]:
        assert self.published.status == 200, f"discovery was answered with {self.published.status}"
        found: dict[str, Any] = self.published.json
        return found

    def at(self, endpoint: str) -> str:
        """The path of an endpoint; it has to be on the deployment's own host."""
        url = str(self.metadata[endpoint])
        if not url.startswith(self._ask.target.host_url + "/"):
            raise NotObserved(f"the {endpoint} is on another host than the deployment")
        return url.removeprefix(self._ask.target.host_url)

    def open(self, verifier: str = "", **changes: str) -> Exchange:
        """The page on which a person signs in."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.redirect_uri,
            "scope": "openid read",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return self._ask.send(
            "GET", f"{self.at('authorization_endpoint')}?{urlencode(query)}", key=None, from_host=True
        )

    def sign_in(self, scope: str = "openid read") -> Login:
        """Raises NotObserved where a person would be needed."""
        verifier, nonce, state = (
            self._ask.draw(32).hex(),
            self._ask.draw(16).hex(),
            f"s {self._ask.draw(16).hex()}&=",  # what a client may send, and what has to be escaped on its way
        )
        page = self.open(verifier, nonce=nonce, state=state, scope=scope)
        answer = self.submit(page, self._ask.target.keys["main"].reveal())
        if answer.status not in (302, 303):
            raise NotObserved("nobody is there to sign in: the page does not take the key of the tenant")
        to = answer.header("location") or ""
        back = dict(parse_qsl(urlsplit(to).query))
        return Login(to.partition("?")[0], back, verifier, nonce, state)

    def submit(self, page: Exchange, password: str) -> Exchange:
        """What the form of the page is answered with."""
        assert page.status == 200, f"the page to sign in on was answered with {page.status}"
        form = _Form(page.text)
        given = {**form.hidden, "password": password}
        return self._ask.send("POST", form.action, form=given, key=None, from_host=True)

    def exchange(self, login: Login, **changes: str | None) -> Exchange:
        """The tokens of a login; a change of None leaves the member out."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "client_id": self.client,
            "code": login.answer.get("code", ""),
            "redirect_uri": self.redirect_uri,
            "code_verifier": login.verifier,
            **changes,
        }
        given = {name: value for name, value in form.items() if value is not None}
        path = self.at("token_endpoint")
        return self._ask.send("POST", path, form=given, key=None, from_host=True, secrets=TOKENS)


@pytest.fixture(scope="session")
def browser(ask: Ask) -> Browser:
    return Browser(ask)


class _Form(HTMLParser):
    """The one form of a page: where it goes, and what it holds unseen."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.hidden = "", dict[str, str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found.get("action", "")
        elif tag == "input" and found.get("type") == "hidden":
            self.hidden[found.get("name", "")] = found.get("value", "")
