"""Tenants see nothing of each other's leases, and ids lead nowhere that they do not name."""

from __future__ import annotations

import pytest

from harness.judge import leases
from suites.denials import needs_a_key
from suites.forge.leasing import LEASES, Held
from suites.orders import ELSEWHERE, at, hidden, kept_out, others_key, unguessable

NOBODYS = "lease-00000000000000000000dead"


@pytest.mark.requirement("VL-164")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize(("method", "below"), [("GET", ""), ("POST", "/kubeconfig")])
def test_anothers_lease_does_not_exist(ask, leasing, lease, method, below):
    other = others_key(ask)
    theirs = ask.send(method, at(LEASES, lease["id"], below), key=other)
    nobodys = ask.send(method, at(LEASES, NOBODYS, below), key=other)
    hidden(theirs, nobodys)
    assert lease["id"] not in theirs.text, "the refusal names the lease"


@pytest.mark.requirement("VL-164")
@pytest.mark.cost(calls=3)
def test_anothers_lease_is_not_listed(ask, leasing, lease):
    listed = leases.ids(leasing.rows(key=others_key(ask)))
    assert lease["id"] not in listed, f"the lease {lease['id']} is listed to another tenant"
    assert lease["id"] in leases.ids(leasing.rows()), f"the lease {lease['id']} is not listed to its own tenant"


@pytest.mark.requirement("VL-164")
@pytest.mark.cost(calls=3)
def test_another_cannot_end_a_lease(ask, leasing):
    lease, other = leasing.lease(), others_key(ask)  # a new one: a lease that somebody works with is not put at risk
    theirs, nobodys = leasing.end(lease, key=other), leasing.end({"id": NOBODYS}, key=other)
    state = leasing.row(lease)["status"]
    assert state not in leases.ENDED, f"another tenant ended the lease: it is {state}"
    hidden(theirs, nobodys)


@pytest.mark.requirement("VL-165")
@pytest.mark.cost(calls=3)
def test_ids_cannot_be_guessed(leasing):
    unguessable([leasing.lease() for _ in range(3)])


@pytest.mark.requirement("VL-166")
@pytest.mark.cost(calls=6)
def test_two_tenants_never_share_a_namespace(ask, leasing):
    seen = []
    for key in ("main", others_key(ask)):
        held, lease = Held(), leasing.lease(key=key, namespace_name="assay-shared")
        answer = leasing.mint(lease, held, key=key, ttl_seconds=600)
        found = held.open()
        seen.append(((found.server, found.namespace), answer.json["spiffe_id"].rsplit("/forge/", 1)[0]))
    (ours, we), (theirs, they) = seen
    assert ours != theirs, f"both tenants work in the namespace {ours[1]} of {ours[0]}"
    assert we != they, f"both tenants are {we}"


@pytest.mark.requirement("VL-187")
@pytest.mark.cost(calls=2)
def test_a_tenants_metros_hold_for_leases(ask, leasing):
    barred, key = ask.named("barred_metro"), others_key(ask)
    answer = leasing.order(key=key, metro=barred)
    kept_out(barred, answer, leasing.rows(key=key))


@pytest.mark.requirement("VL-141")
@pytest.mark.cost(calls=3)
@pytest.mark.parametrize("name", ELSEWHERE.values(), ids=ELSEWHERE)
def test_an_id_of_a_lease_is_an_id(ask, lease, name):
    ends = [("DELETE", "")] if "control" in ask.target.capabilities() else []  # it might end more than it names
    for method, below in (("GET", ""), ("POST", "/kubeconfig"), *ends):
        answer = ask.send(method, at(LEASES, name, below))
        assert answer.status in {400, 404, 414}, f"{method} of the id {name[:40]!r} was answered with {answer.status}"


@pytest.mark.requirement("VL-010")
@pytest.mark.cost(calls=2)
@pytest.mark.parametrize("key", [None, "wrong"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/forge/availability"),
        ("GET", f"/{LEASES}"),
        ("POST", f"/{LEASES}"),
        ("GET", f"/{LEASES}/{NOBODYS}"),
        ("DELETE", f"/{LEASES}/{NOBODYS}"),
        ("POST", f"/{LEASES}/{NOBODYS}/kubeconfig"),
    ],
)
def test_every_operation_of_forge_needs_a_key(ask, method, path, key):
    needs_a_key(ask.send(method, path, key=key), key)
