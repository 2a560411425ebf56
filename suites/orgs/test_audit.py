"""The audit trail: every request is in it, mapped to a tenant, in order, and without anything that was said."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from harness.model import NotObserved
from suites.reading import accepted, said

WORD = "quinceorchardsilverbell"
SPIFFE = re.compile(r"spiffe://[a-z0-9.-]+(/[A-Za-z0-9._-]+)+")


@pytest.mark.requirement("VL-012")
@pytest.mark.cost(calls=5, completion_tokens=8)
def test_every_request_is_in_the_trail(ask, trail):
    asked = (
        ask.chat(max_tokens=4),
        ask.chat(max_tokens=4, stream=True),
        ask.chat(temperature=9),
        ask.send("GET", "/usage"),
        ask.send("GET", "/assay-asks-for-no-such-path"),
    )
    found = trail(*asked)
    for x in asked:
        what = f"{x.request.method} {x.request.url.split('/v1', 1)[1]} ({x.status})"
        row = found.get(str(x.header("x-request-id")))
        assert row is not None, f"{what} is not in the audit trail"
        assert (row["method"], row["status"]) == (x.request.method, x.status), f"the trail has another entry for {what}"
        assert row["path"] in x.request.url, f"the trail has the path {row['path']} for {what}"


@pytest.mark.requirement("VL-012")
@pytest.mark.cost(calls=3)
def test_the_trail_tells_keys_apart(ask, issuer, trail):
    _, key = issuer.issue("spark.read")
    one, other = ask.send("GET", "/models", key=key), ask.models()
    found = trail(one, other)
    actors = [found[str(x.header("x-request-id"))]["actor"] for x in (one, other)]
    assert actors[0] != actors[1], f"two keys are one actor in the audit trail: {actors}"


@pytest.mark.requirement("VL-011")
@pytest.mark.cost(calls=4)
def test_requests_are_mapped_to_spiffe_tenants(ask, issuer, trail):
    _, key = issuer.issue("spark.read")
    found = trail(first := ask.models(), second := ask.send("GET", "/models", key=key))
    tenants = {found[str(x.header("x-request-id"))]["tenant"] for x in (first, second)}
    odd = [tenant for tenant in tenants if not SPIFFE.fullmatch(str(tenant))]
    assert not odd, f"the tenant is no SPIFFE id: {odd}"
    assert len(tenants) == 1, f"two keys of one tenant are mapped to {sorted(tenants)}"
    ask.models(key="second_tenant")
    theirs = ask.send("GET", f"/orgs/{ask.named('second_org')}/audit", key="second_tenant")
    if theirs.status != 200 or not theirs.json["data"]:
        raise NotObserved("the audit trail of the second tenant is empty")
    other = {row["tenant"] for row in theirs.json["data"]}
    assert not other & tenants, f"two tenants are mapped to one SPIFFE id: {sorted(other & tenants)}"


@pytest.mark.requirement("VL-021")
@pytest.mark.cost(calls=3, completion_tokens=96)
def test_the_trail_holds_no_payload(ask, trail, issuer):
    answer = ask.chat(f"Repeat exactly: {WORD}", max_tokens=96, temperature=0, user=WORD)
    ask.send("GET", f"/models?tier=standard&note={WORD}")
    trail(answer)
    read = ask.send("GET", f"/orgs/{ask.named('org')}/audit?limit=1000")
    assert WORD not in read.text, "the audit trail holds words of a prompt or of a query"
    spoken = said(answer).strip()
    assert len(spoken) < 12 or spoken not in read.text, "the audit trail holds the text of an answer"


@pytest.mark.requirement("VL-021")
@pytest.mark.cost(calls=3, completion_tokens=8)
def test_answers_cannot_be_fetched_again(ask):
    answer = accepted(ask.chat(max_tokens=8, store=True))
    for path in (f"/chat/completions/{answer.json['id']}", f"/chat/completions/{answer.json['id']}/messages"):
        again = ask.send("GET", path)
        assert again.status in (404, 405), f"GET of an answer by its id was answered with {again.status}"
    listed = ask.send("GET", "/chat/completions")
    assert listed.status in (404, 405), f"GET of all answers was answered with {listed.status}"


@pytest.mark.requirement("VL-134")
@pytest.mark.cost(calls=8)
def test_the_trail_is_in_order_and_can_be_read_on(ask, trail):
    asked = [ask.send("GET", "/usage") for _ in range(3)]
    due = [str(x.header("x-request-id")) for x in reversed(asked)]
    found = trail(*asked)
    order = [request_id for request_id in found if request_id in due]
    assert order == due, "entries do not come newest first"
    times = [datetime.fromisoformat(found[request_id]["at"]) for request_id in due if request_id in found]
    assert all(at.utcoffset() is not None and not at.utcoffset() for at in times), "times are not in UTC"
    assert times == sorted(times, reverse=True), "times of entries do not follow their order"
    pages = [_page(ask, "")]
    for _ in range(2):
        pages.append(_page(ask, f"&before={pages[-1][-1]['id']}"))
    ids = [row["id"] for page in pages for row in page]
    assert [len(page) for page in pages] == [2, 2, 2], f"limit=2 gave pages of {[len(page) for page in pages]} entries"
    assert len(set(ids)) == len(ids), "reading on gives entries again"


@pytest.mark.requirement("VL-134")
@pytest.mark.cost(calls=4)
def test_a_page_that_cannot_be_is_refused(ask, contract):
    due = contract.trait("errors.invalid_status")
    for query in ("limit=0", "limit=many", "limit=-1", "before=%27%20OR%201=1"):
        answer = ask.send("GET", f"/orgs/{ask.named('org')}/audit?{query}")
        assert answer.status in due, f"the audit trail with {query} was answered with {answer.status}"


def _page(ask, more):
    answer = ask.send("GET", f"/orgs/{ask.named('org')}/audit?limit=2{more}")
    assert answer.status == 200, f"reading on was answered with {answer.status}"
    return answer.json["data"]
