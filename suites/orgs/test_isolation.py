"""Tenants see nothing of each other, and what is not there is told as what is somebody else's."""

from __future__ import annotations

import pytest

from harness.judge.calls import told
from suites.orgs.conftest import SECRET

NO_ORG = "org_assay_that_does_not_exist"


@pytest.mark.requirement("VL-111")
@pytest.mark.cost(calls=3)
def test_another_organisations_keys_are_not_listed(ask, issuer, contract):
    _, key = issuer.issue("spark.read", name="assay must stay unseen")
    theirs = ask.send("GET", issuer.path, key="second_tenant")
    nobodys = ask.send("GET", f"/orgs/{NO_ORG}/api-keys", key="second_tenant")
    assert theirs.status == 404, f"the keys of another organisation were answered with {theirs.status}"
    assert key.key_id not in theirs.text, "the refusal names a key of another organisation"
    assert nobodys.status == 404, f"the keys of no organisation were answered with {nobodys.status}"
    seen = [{name: told(x, contract).get(name) for name in ("code", "message")} for x in (theirs, nobodys)]
    assert seen[0] == seen[1], f"an organisation that exists is told apart from one that does not: {seen}"


@pytest.mark.requirement("VL-111")
@pytest.mark.cost(calls=3)
def test_another_organisations_keys_cannot_be_revoked(ask, issuer):
    _, key = issuer.issue("spark.read")
    for path in (issuer.path, f"/orgs/{ask.named('second_org')}/api-keys"):
        answer = ask.send("DELETE", f"{path}/{key.key_id}", key="second_tenant")
        assert answer.status == 404, f"revoking another organisation's key was answered with {answer.status}"
    after = ask.send("GET", "/models", key=key)
    assert after.status == 200, "another tenant's request has revoked a key"


@pytest.mark.requirement("VL-111")
@pytest.mark.cost(calls=3)
def test_no_key_is_issued_for_another_organisation(ask, issuer):
    before = {row["id"] for row in issuer.listed().json["data"]}
    body = {"name": "assay intruder", "scopes": ["spark.read"], "ttl_days": 1}
    made = ask.send("POST", issuer.path, json=body, key="second_tenant", secrets=SECRET)
    assert made.status == 404, f"issuing a key for another organisation was answered with {made.status}"
    names = [row["name"] for row in issuer.listed().json["data"] if row["id"] not in before]
    assert "assay intruder" not in names, "another tenant has issued a key of this organisation"


@pytest.mark.requirement("VL-121")
@pytest.mark.cost(calls=2)
def test_another_organisations_trail_is_not_found(ask):
    for org in (ask.named("org"), NO_ORG):
        answer = ask.send("GET", f"/orgs/{org}/audit", key="second_tenant")
        assert answer.status == 404, f"the audit trail of another organisation was answered with {answer.status}"


@pytest.mark.requirement("VL-121")
@pytest.mark.cost(calls=3)
def test_the_trail_holds_no_request_of_another_tenant(ask, trail):
    own, stranger = ask.models(), ask.models(key="second_tenant")
    found = trail(own)
    assert own.header("x-request-id") in found, "the trail does not hold a request of its own tenant"
    assert stranger.header("x-request-id") not in found, "the trail holds a request of another tenant"
