"""Spark, organisations and sign-in: what the checks cannot see from outside."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from mockserver.defects import within
from mockserver.gateway import Gateway
from mockserver.ledger import NANO
from mockserver.services.fine_tuning.training import BrokenFile, tokens_of
from tests.mockserver.conftest import Lab

MODEL = "llama-3.3-70b-instruct"
HELLO = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}


@pytest.fixture(scope="module")
def volt(start: Callable[..., Lab]) -> Lab:
    return start("volt-control-plane")


@pytest.fixture
def lab(volt: Lab) -> Lab:
    volt.control.post("/reset")
    return volt


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_usage_costs_what_the_ledger_charged(lab: Lab) -> None:
    for tier in ("standard", "sovereign", "standard"):
        assert lab.api.post("/chat/completions", json={**HELLO, "volt_tier": tier}).status_code == 200
    found = httpx.Response(200, content=lab.api.get("/usage").content).json()["series"]
    total = sum((Decimal(str(row["cost_usd"])) for row in found), Decimal(0))
    account = lab.server.state.ledger.account("acct_main")
    assert account is not None
    assert total * NANO == account.spent


def test_a_tenant_that_keeps_to_a_metro_is_never_served_elsewhere(lab: Lab) -> None:
    key = bearer(lab.server.state.secrets["second_tenant"])
    metros = {lab.api.post("/chat/completions", json=HELLO, headers=key).json()["volt"]["metro"] for _ in range(12)}
    assert metros == {"fra"}
    refused = lab.api.post("/chat/completions", json={**HELLO, "volt_metro": "iad"}, headers=key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "sovereignty_violation")


def test_no_room_is_told_with_a_time_to_come_again(lab: Lab) -> None:
    pinned = {**HELLO, "volt_metro": "sjc", "volt_tier": "sovereign"}
    answer = lab.api.post("/chat/completions", json=pinned)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_capacity")
    assert answer.headers["retry-after"] == "30"
    assert lab.account()["reserved_usd"] in ("0", "0.000000000")


def test_an_error_after_the_place_was_chosen_names_the_pod(lab: Lab) -> None:
    lab.control.post("/upstream/faults", json={"fault": "fail_before_first_byte"})
    answer = lab.api.post("/chat/completions", json=HELLO)
    assert answer.status_code == 502
    assert answer.json()["error"]["pod_id"] == answer.headers["x-volt-pod-id"]


def test_a_secret_is_kept_as_a_digest_alone(lab: Lab) -> None:
    made = lab.api.post("/orgs/org_main/api-keys", json={"name": "one", "scopes": ["spark.read"]}).json()
    found = lab.server.state.parts["orgs"].credentials.get(made["id"])
    assert made["secret"] not in repr(found)
    assert made["secret"].startswith(found.prefix)


def test_expired_devices_cannot_be_approved(lab: Lab) -> None:
    with httpx.Client(base_url=lab.server.origin) as web:
        begun = web.post("/oauth/device/code", data={"client_id": "volt-cli"}).json()
        lab.control.put("/clock", json={"advance_s": begun["expires_in"]})
        page = {"user_code": begun["user_code"], "password": lab.server.main_key, "decision": "approve"}
        assert web.post("/oauth/device", data=page).status_code == 400


def test_pages_escape_what_came_from_outside(lab: Lab) -> None:
    page = httpx.get(f"{lab.server.origin}/oauth/device", params={"user_code": '"><script>alert(1)</script>'})
    assert "<script>" not in page.text
    assert page.headers["x-frame-options"] == "DENY"


def test_the_issuer_is_not_what_a_request_says_it_is(lab: Lab) -> None:
    answer = httpx.get(f"{lab.server.origin}/.well-known/openid-configuration", headers={"Host": "assay.invalid"})
    assert answer.json()["issuer"] == lab.server.origin


def test_training_files_are_really_read() -> None:
    assert tokens_of("file-support-tone") > 100
    with pytest.raises(BrokenFile, match="Line 7"):
        tokens_of("file-cut-short")


def test_within_changes_one_decision() -> None:
    changed = within(Gateway(), "sign_in", interval_s=1)
    assert changed.sign_in.interval_s == 1
    assert changed.spark == Gateway().spark
