"""API keys: issued once, listed without secrets, bounded by scopes and time, revoked for good."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from harness.asking.control import Key
from harness.asking.credentials import wrong_key
from harness.model import NotObserved
from suites.orgs.conftest import SECRET
from suites.orgs.operations import LISTED

REVOKED_IN_S, STEP_S = 30, 0.5
DAY_S = 86_400
SHOWN = 24  # characters of a secret that a list may show
INVALID: tuple[dict[str, Any], ...] = (
    {"name": ...},
    {"name": ""},
    {"name": 7},
    {"name": "x" * 10_000},
    {"scopes": ...},
    {"scopes": []},
    {"scopes": "spark.read"},
    {"scopes": [7]},
    {"ttl_days": 0},
    {"ttl_days": -1},
    {"ttl_days": 366},
    {"ttl_days": "90"},
    {"ttl_days": 1.5},
)
ODD_NAMES = (
    "'; DROP TABLE keys; --",
    '<script>alert("assay")</script>',
    "{{7*7}} ${7*7} %s %n",
    "\u202etxet \u00fc\u0308 \U0001f511",
    "../../etc/passwd",
)
SPLIT_NAMES = ("assay\r\nX-Injected: 1", "assay\x00", "assay\x1b[2J")


@pytest.mark.requirement("VL-016")
@pytest.mark.cost(calls=4)
def test_a_key_works_until_it_is_revoked(ask, issuer):
    _, key = issuer.issue("spark.read")
    before = ask.send("GET", "/models", key=key)
    assert before.status == 200, f"a key that was just issued was answered with {before.status}"
    gone = issuer.revoke(key.key_id)
    assert gone.status in (200, 204), f"revoking a key was answered with {gone.status}"
    after = _once_it_is_due(ask, key)
    assert after.status == 401, f"{REVOKED_IN_S} s after it was revoked a key was answered with {after.status}"
    assert key.key_id not in _ids(issuer.listed()), "a key that was revoked is still listed"


def _once_it_is_due(ask, key):
    """The answer to a revoked key when revocation must have taken effect: by the clock of the target where it moves."""
    if ask.target.control is not None:
        ask.control.advance(REVOKED_IN_S)
        try:
            return ask.send("GET", "/models", key=key)
        finally:
            ask.control.set_clock(None)
    end = time.monotonic() + REVOKED_IN_S
    while (after := ask.send("GET", "/models", key=key)).status == 200 and time.monotonic() < end:
        time.sleep(STEP_S)
    return after


@pytest.mark.requirement("VL-013")
@pytest.mark.cost(calls=5)
def test_keys_have_one_form_and_one_place(ask, issuer, contract):
    _, key = issuer.issue("spark.read")
    prefix, secret = contract.trait("auth.key_prefix"), ask.inside(key.value.reveal())
    assert secret.startswith(prefix), f"a key was issued that does not begin with {prefix}"
    assert len(secret) - len(prefix) >= 20, "what follows the beginning of a key is short enough to be tried out"
    assert ask.send("GET", "/models", key=key).status == 200, "a bearer key was not taken"
    for headers in ({"X-API-Key": secret}, {"Authorization": secret}, {"Authorization": f"Basic {secret}"}):
        answer = ask.send("GET", "/models", key=None, headers=headers)
        name, how = next(iter(headers.items()))
        assert answer.status == 401, f"a key in {name} ({how.split()[0][:5]}...) was answered with {answer.status}"
    answer = ask.send("GET", f"/models?api_key={secret}&access_token={secret}", key=None)
    assert answer.status == 401, f"a key in the query, where logs keep it, was answered with {answer.status}"


@pytest.mark.requirement("VL-061")
@pytest.mark.cost(calls=3)
def test_issued_keys_are_listed(issuer):
    answer, key = issuer.issue("spark.read", "billing.read", name="assay nightly")
    listed = issuer.listed()
    assert listed.status == 200, f"listing keys was answered with {listed.status}"
    row = next((row for row in listed.json["data"] if row["id"] == key.key_id), None)
    assert row is not None, "a key that was issued is not in the list"
    assert row["name"] == "assay nightly", f"the key was named otherwise: {row['name']!r}"
    assert sorted(row["scopes"]) == ["billing.read", "spark.read"], f"the key has the scopes {row['scopes']}"
    for name in ("created_at", "expires_at", "prefix"):
        assert row[name] == answer.json[name], f"{name} is {row[name]!r} in the list and was {answer.json[name]!r}"


@pytest.mark.requirement("VL-112")
@pytest.mark.cost(calls=8, completion_tokens=4)
def test_a_key_can_do_what_its_scopes_say(ask, issuer):
    _, reader = issuer.issue("spark.read")
    _, accountant = issuer.issue("billing.read")
    allowed = {
        "the models with spark.read": ask.send("GET", "/models", key=reader),
        "the usage with billing.read": ask.send("GET", "/usage", key=accountant),
    }
    for what, answer in allowed.items():
        assert answer.status == 200, f"{what} was answered with {answer.status}"
    forbidden = {
        "the usage with spark.read": ask.send("GET", "/usage", key=reader),
        "the models with billing.read": ask.send("GET", "/models", key=accountant),
        "a chat with billing.read": ask.chat(max_tokens=4, key=accountant),
        "the keys with billing.read": ask.send("GET", issuer.path, key=accountant),
        "the audit trail with spark.read": ask.send("GET", f"/orgs/{ask.named('org')}/audit", key=reader),
    }
    for what, answer in forbidden.items():
        assert answer.status == 403, f"{what} was answered with {answer.status}"


@pytest.mark.requirement("VL-112")
@pytest.mark.cost(calls=len(LISTED) + 3)
def test_every_operation_looks_at_scopes(ask, issuer):
    _, accountant = issuer.issue("billing.read")
    served = []
    for method, path in (*LISTED, ("POST", "/v1/orgs/{}/api-keys"), ("DELETE", "/v1/orgs/{}/api-keys/assay")):
        if path.endswith("/usage"):
            continue
        below = path.removeprefix("/v1").format(ask.named("org") if "orgs" in path else "assay")
        answer = ask.send(method, below, key=accountant, **({"json": {}} if method == "POST" else {}))
        if answer.status != 403:
            served.append(f"{method} {path}: {answer.status}")
    assert not served, f"a key with billing.read alone was not refused with 403: {served}"


@pytest.mark.requirement("VL-113")
@pytest.mark.cost(calls=3)
def test_a_key_cannot_give_what_it_has_not(ask, issuer):
    _, weak = issuer.issue("spark.read")
    body = {"name": "assay stronger", "scopes": ["billing.read"], "ttl_days": 1}
    made = ask.send("POST", issuer.path, json=body, key=weak, secrets=SECRET)
    assert made.status == 403, f"a key that may only read models issued another: {made.status}"
    unknown = issuer.ask_for(scopes=["spark.read", "assay.everything"])
    assert 400 <= unknown.status < 500, f"a key with an unknown scope was answered with {unknown.status}"


@pytest.mark.requirement("VL-113")
@pytest.mark.cost(calls=3)
def test_a_key_that_manages_keys_gives_no_more_than_it_has(ask, issuer):
    manager = issuer.ask_for(scopes=["org.read", "org.write"])
    if manager.status != 201:
        raise NotObserved("there is no scope org.write to manage keys with")
    key = Key(ask.issued(manager, "/secret"), manager.json["id"], "main")
    body = {"name": "assay stronger", "scopes": ["spark.write"], "ttl_days": 1}
    made = ask.send("POST", issuer.path, json=body, key=key, secrets=SECRET)
    assert made.status == 403, f"a key without the scope spark.write gave it to another: {made.status}"


@pytest.mark.requirement("VL-114")
@pytest.mark.cost(calls=3)
def test_a_secret_is_shown_once(ask, issuer):
    answer, key = issuer.issue("spark.read")
    listed, secret = issuer.listed(), key.value.reveal()
    row = next(row for row in listed.json["data"] if row["id"] == key.key_id)
    assert "secret" not in row or not row["secret"], "the list of keys has their secrets"
    assert answer.json["secret"] not in listed.text, "the list of keys holds a secret that was issued"
    assert len(row["prefix"]) <= SHOWN, f"the list shows {len(row['prefix'])} characters of a secret"
    assert ask.inside(secret).startswith(row["prefix"]), "the prefix in the list is not that of the secret"


@pytest.mark.requirement("VL-115")
@pytest.mark.cost(calls=2)
def test_a_key_says_when_it_expires(issuer):
    answer, _ = issuer.issue("spark.read", ttl_days=7)
    created, expires = (datetime.fromisoformat(answer.json[name]) for name in ("created_at", "expires_at"))
    off = abs(expires - created - timedelta(days=7))
    assert off <= timedelta(seconds=1), f"a key for seven days lasts {expires - created}"
    left, _ = issuer.issue("spark.read", ttl_days=...)
    lasts = datetime.fromisoformat(left.json["expires_at"]) - datetime.fromisoformat(left.json["created_at"])
    assert timedelta(0) < lasts <= timedelta(days=366), f"a key without ttl_days lasts {lasts}"


@pytest.mark.requirement("VL-115")
@pytest.mark.cost(calls=3)
def test_an_expired_key_is_refused(ask, issuer):
    control = ask.control
    _, key = issuer.issue("spark.read", ttl_days=1)
    try:
        control.advance(DAY_S + 1)
        answer = ask.send("GET", "/models", key=key)
    finally:
        control.set_clock(None)
    assert answer.status == 401, f"a key that expired a second ago was answered with {answer.status}"


@pytest.mark.requirement("VL-116")
@pytest.mark.cost(calls=len(INVALID))
def test_a_key_that_cannot_be_made_is_refused(issuer, contract):
    due = contract.trait("errors.invalid_status")
    for wrong in INVALID:
        answer = issuer.ask_for(**wrong)
        shown = {name: "nothing" if value is ... else value for name, value in wrong.items()}
        assert answer.status in due, f"a key with {str(shown)[:60]} was answered with {answer.status}"


@pytest.mark.requirement("VL-117")
@pytest.mark.cost(calls=2 * len(ODD_NAMES))
def test_an_odd_name_stays_as_it_is(issuer):
    for name in ODD_NAMES:
        answer = issuer.ask_for(name=name)
        if 400 <= answer.status < 500:
            continue
        assert answer.status == 201, f"the name {name!r} was answered with {answer.status}"
        row: dict[str, Any] = next((row for row in issuer.listed().json["data"] if row["id"] == answer.json["id"]), {})
        assert row.get("name") == name, f"the name {name!r} became {row.get('name')!r}"


@pytest.mark.requirement("VL-117")
@pytest.mark.cost(calls=len(SPLIT_NAMES))
def test_a_name_with_control_characters_is_refused(issuer, contract):
    due = contract.trait("errors.invalid_status")
    for name in SPLIT_NAMES:
        answer = issuer.ask_for(name=name)
        assert answer.header("x-injected") is None, f"the name {name!r} added a header to the answer"
        assert answer.status in due, f"the name {name!r} was answered with {answer.status}"


@pytest.mark.requirement("VL-118")
@pytest.mark.cost(calls=4)
def test_a_key_that_is_not_there_cannot_be_revoked(issuer):
    never = issuer.revoke("key_00000000000000000000")
    assert never.status == 404, f"revoking a key that never was is answered with {never.status}"
    _, key = issuer.issue("spark.read")
    issuer.revoke(key.key_id)
    again = issuer.revoke(key.key_id)
    assert again.status in (404, 204), f"revoking a key again is answered with {again.status}"


@pytest.mark.requirement("VL-010")
@pytest.mark.cost(calls=1)
def test_a_key_that_nobody_issued_is_refused(ask, contract):
    answer = ask.send("GET", "/models", key=None, headers={"Authorization": f"Bearer {wrong_key(contract)}"})
    assert answer.status == 401, f"a key that nobody issued was answered with {answer.status}"


def _ids(listed):
    return [row["id"] for row in listed.json["data"]]
