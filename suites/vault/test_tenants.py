"""Tenants see nothing of each other's racks, and ids lead nowhere that they do not name."""

from __future__ import annotations

import pytest

from harness.judge import leases
from suites.orders import ELSEWHERE, at, others_key
from suites.vault.racking import CREDENTIALS, RACKS, REPORT, TALOS

NOBODYS = "rack-00000000000000000000dead"
OPERATIONS = [("GET", ""), ("POST", CREDENTIALS), ("GET", TALOS), ("GET", REPORT)]


@pytest.mark.requirement("VL-184")
@pytest.mark.cost(calls=2)
@pytest.mark.parametrize(("method", "below"), OPERATIONS)
def test_anothers_rack_does_not_exist(ask, racking, rack, method, below):
    other = others_key(ask)
    theirs = racking.below(rack, below, method=method, key=other)
    nobodys = ask.send(method, at(RACKS, NOBODYS, below), key=other)
    assert theirs.status == 404, f"{method} of another tenant's rack was answered with {theirs.status}"
    assert theirs.status == nobodys.status, f"an id that nobody has is answered with {nobodys.status}"
    assert rack["id"] not in theirs.text, "the refusal names the rack"


@pytest.mark.requirement("VL-184")
@pytest.mark.cost(calls=2)
def test_anothers_rack_is_not_listed(ask, racking, rack):
    listed = leases.ids(racking.rows(key=others_key(ask)))
    assert rack["id"] not in listed, f"the rack {rack['id']} is listed to another tenant"
    assert rack["id"] in leases.ids(racking.rows()), f"the rack {rack['id']} is not listed to its own tenant"


@pytest.mark.requirement("VL-185")
@pytest.mark.cost(calls=3)
def test_ids_cannot_be_guessed(racking):
    found = [str(racking.rack()["id"]) for _ in range(3)]
    wrong = [why for n in (0, 1) if (why := leases.near(found[n], found[n + 1]))]
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-187")
@pytest.mark.cost(calls=2)
def test_a_tenants_metros_hold_for_racks(ask, racking):
    barred, key = ask.named("barred_metro"), others_key(ask)
    answer = racking.request(key=key, metro=barred)
    assert answer.status == 403, f"a rack in {barred} was answered with {answer.status}"
    there = {row["metro"] for row in racking.rows(key=key)}
    assert barred not in there, f"a tenant that keeps out of {barred} has a rack there"


@pytest.mark.requirement("VL-141")
@pytest.mark.cost(calls=4)
@pytest.mark.parametrize("name", ELSEWHERE.values(), ids=ELSEWHERE)
def test_an_id_of_a_rack_is_an_id(ask, rack, name):
    for method, below in OPERATIONS:
        answer = ask.send(method, at(RACKS, name, below))
        assert answer.status in {400, 404, 414}, f"{method} of the id {name[:40]!r} was answered with {answer.status}"


@pytest.mark.requirement("VL-010")
@pytest.mark.cost(calls=2)
@pytest.mark.parametrize("key", [None, "wrong"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/{RACKS}"),
        ("POST", f"/{RACKS}"),
        *((method, f"/{RACKS}/{NOBODYS}{below}") for method, below in OPERATIONS),
    ],
)
def test_every_operation_of_vault_needs_a_key(ask, method, path, key):
    answer = ask.send(method, path, key=key)
    assert answer.status == 401, f"{method} {path} with {key or 'no'} key was answered with {answer.status}"
