"""Tenants see nothing of each other's racks, and ids lead nowhere that they do not name."""

from __future__ import annotations

import pytest

from harness.judge import leases
from suites.denials import needs_a_key
from suites.orders import ELSEWHERE, at, hidden, kept_out, others_key, unguessable
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
    hidden(theirs, nobodys)
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
    unguessable([racking.rack() for _ in range(3)])


@pytest.mark.requirement("VL-187")
@pytest.mark.cost(calls=2)
def test_a_tenants_metros_hold_for_racks(ask, racking):
    barred, key = ask.named("barred_metro"), others_key(ask)
    answer = racking.request(key=key, metro=barred)
    kept_out(barred, answer, racking.rows(key=key))


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
    needs_a_key(ask.send(method, path, key=key), key)
