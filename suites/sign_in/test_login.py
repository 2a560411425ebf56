"""Login by OpenID Connect: what the provider publishes, what its tokens say, and who gets them."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl, urlsplit

import pytest

from harness.asking.control import Key
from harness.asking.credentials import wrong_key
from harness.judge import id_token
from harness.model import NotObserved
from suites.sign_in.conftest import problem

ELSEWHERE = (
    "https://assay.invalid/callback",
    "{}/../thief",
    "{}?to=https://assay.invalid",
    "{}.assay.invalid",
    "{}@assay.invalid/",
    "javascript:alert(1)",
)


@pytest.fixture
def tokens(browser):
    """A login and the tokens that it gave."""
    login = browser.sign_in()
    answer = browser.exchange(login)
    assert answer.status == 200, f"the code of a login was answered with {answer.status} {problem(answer)}"
    return login, answer


@pytest.fixture
def said(ask, browser, tokens):
    """What the id token says, and what is wrong with its signature."""
    keys = ask.send("GET", browser.at("jwks_uri"), key=None, from_host=True)
    assert keys.status == 200, f"the key set was answered with {keys.status}"
    return id_token.claims(ask.inside(ask.issued(tokens[1], "/id_token").reveal()), keys.json.get("keys"))


@pytest.mark.requirement("VL-015")
@pytest.mark.cost(calls=6)
def test_a_person_can_sign_in(ask, tokens, said):
    login, answer = tokens
    assert login.sent_back == ask.named("redirect_uri"), f"the person was sent to {login.sent_back}"
    _, problems = said
    assert not problems, problems[0]
    token = Key(ask.issued(answer, "/access_token"), "token", "main")
    used = ask.send("GET", "/models", key=token)
    assert used.status == 200, f"the access token of a login was answered with {used.status}"


@pytest.mark.requirement("VL-128")
@pytest.mark.cost(calls=4)
def test_the_provider_describes_itself(ask, browser):
    found = browser.metadata
    assert found["issuer"] == ask.target.host_url, f"the issuer is {found['issuer']}, read at {ask.target.host_url}"
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        method = "POST" if name == "token_endpoint" else "GET"
        answer = ask.send(method, browser.at(name), key=None, from_host=True)
        assert answer.status not in (404, 405), f"the {name} was answered with {answer.status}"
        assert answer.status < 500, f"the {name} was answered with {answer.status}"


@pytest.mark.requirement("VL-128")
@pytest.mark.cost(calls=1)
def test_the_key_set_holds_public_keys_only(ask, browser):
    keys = ask.send("GET", browser.at("jwks_uri"), key=None, from_host=True).json["keys"]
    secret = sorted({name for row in keys for name in row if name in id_token.PRIVATE})
    assert not secret, f"the key set holds private members: {', '.join(secret)}"
    assert keys, "the key set is empty"


@pytest.mark.requirement("VL-129")
@pytest.mark.cost(calls=5)
def test_an_id_token_says_who_signed_in(ask, browser, tokens, said):
    login, _ = tokens
    claims, problems = said
    assert not problems, problems[0]
    now = ask.target.now().timestamp()
    issuer = browser.metadata["issuer"]
    wrong = list(id_token.wrong(claims, issuer=issuer, client=browser.client, nonce=login.nonce, now=now))
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-130")
@pytest.mark.cost(calls=3)
@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another verifier", {"code_verifier": secrets.token_urlsafe(48)}),
        ("no verifier", {"code_verifier": None}),
        ("another client", {"client_id": "assay-another-client"}),
        ("another redirect URI", {"redirect_uri": "https://assay.invalid/callback"}),
    ],
)
def test_a_code_belongs_to_who_asked_for_it(browser, what, changes):
    answer = browser.exchange(browser.sign_in(), **changes)
    assert answer.status in (400, 401), f"a code with {what} was answered with {answer.status}"


@pytest.mark.requirement("VL-130")
@pytest.mark.cost(calls=5)
def test_a_code_is_good_once(browser, tokens):
    again = browser.exchange(tokens[0])
    assert again.status == 400, f"a code that had been used was answered with {again.status}"
    assert problem(again) == "invalid_grant", f"a code that had been used was refused with {problem(again)}"


@pytest.mark.requirement("VL-131")
@pytest.mark.cost(calls=len(ELSEWHERE))
def test_a_person_is_sent_back_only_where_agreed(browser):
    for uri in ELSEWHERE:
        asked = uri.format(browser.redirect_uri)
        answer = browser.open("v" * 43, redirect_uri=asked, state="s", nonce="n")
        assert answer.header("location") is None, f"a login for {asked} sends the person to {answer.header('location')}"
        assert answer.status in (400, 401, 403), f"a login for {asked} was answered with {answer.status}"


@pytest.mark.requirement("VL-132")
@pytest.mark.cost(calls=2)
def test_the_state_comes_back(browser):
    login = browser.sign_in()
    assert login.answer.get("state") == login.state, "the state that came back is not the one that was sent"


@pytest.mark.requirement("VL-132")
@pytest.mark.cost(calls=1)
def test_the_state_comes_back_with_an_error(browser):
    answer = browser.open("v" * 43, response_type="assay", state="a state", nonce="n")
    back = dict(parse_qsl(urlsplit(answer.header("location") or "").query))
    assert answer.status in (302, 303, 400), f"an unknown response type was answered with {answer.status}"
    assert answer.status == 400 or back.get("error"), "the person was sent back without a word of what is wrong"
    assert answer.status == 400 or back.get("state") == "a state", "an error was sent back without the state"


@pytest.mark.requirement("VL-015")
@pytest.mark.cost(calls=2)
def test_a_wrong_password_signs_nobody_in(browser, contract):
    page = browser.open(secrets.token_urlsafe(48), state="s", nonce="n")
    answer = browser.submit(page, wrong_key(contract))
    assert answer.header("location") is None, "a wrong password was answered with a way back"
    assert answer.status in (200, 400, 401, 403), f"a wrong password was answered with {answer.status}"


@pytest.mark.requirement("VL-133")
@pytest.mark.cost(calls=6)
def test_userinfo_names_the_same_person(ask, browser, tokens, said):
    if "userinfo_endpoint" not in browser.metadata:
        raise NotObserved("the provider has no userinfo")
    path = browser.at("userinfo_endpoint")
    token = Key(ask.issued(tokens[1], "/access_token"), "token", "main")
    found = ask.send("GET", path, key=token, from_host=True)
    assert found.status == 200, f"userinfo was answered with {found.status}"
    assert found.json["sub"] == said[0].get("sub"), "userinfo and id token name different people"
    for key in (None, "wrong"):
        closed = ask.send("GET", path, key=key, from_host=True)
        assert closed.status == 401, f"userinfo with {key or 'no'} token was answered with {closed.status}"
