"""Racks: requested, listed, read, built; and requests that cannot be."""

from __future__ import annotations

import pytest

from harness.asking.ask import OMIT
from harness.judge import leases, racks
from harness.model import Tolerated
from suites.orders import others_key, refused

ORDERED = {"rack_template": "dense_16gpu"}
WRONG = {
    "a metro that is none": {"metro": "atlantis"},
    "no metro": {"metro": OMIT},
    "a GPU that no rack has": {"gpu_type": "gaudi3"},
    "no GPU type": {"gpu_type": OMIT},
    "a shorter term": {"term": "12_month"},
    "on demand": {"term": "on_demand"},
    "no term": {"term": OMIT},
    "another template": {"rack_template": "standard_7gpu"},
    "a template that is a number": {"rack_template": 8},
    "a flag as text": {"managed_kubernetes": "yes"},
    "a list for a metro": {"metro": ["fra"]},
}


@pytest.mark.requirement("VL-051")
def test_a_request_is_a_rack(racking, requested):
    assert requested.status in {201, 202}, f"a request was answered with {requested.status}"
    wrong = racks.unlike(requested.json, {**racking.usual, **ORDERED})
    assert not wrong, "; ".join(wrong)
    if requested.status != 202:
        raise Tolerated(f"a request was answered with {requested.status}, where 202 is expected")


@pytest.mark.requirement("VL-052")
@pytest.mark.cost(calls=3)
def test_every_rack_is_listed_once(racking, requested, rack):
    rows, own = racking.rows(), racking.row(rack)
    found = leases.ids(rows)
    times = {name: found.count(name) for name in (own["id"], requested.json["id"])}
    assert set(times.values()) == {1}, f"racks are listed so many times: {times}"
    listed = next(row for row in rows if row["id"] == own["id"])
    changed = {name for name in own if listed.get(name) != own[name]}
    assert not changed, f"the list tells another {', '.join(sorted(changed))} than the rack"


@pytest.mark.requirement("VL-053")
@pytest.mark.cost(calls=2)
def test_a_rack_stays_what_was_requested(racking, requested, rack):
    row = racking.row(requested.json)
    wrong = racks.unlike(row, {**racking.usual, **ORDERED})
    assert not wrong, "; ".join(wrong)
    for asked, found in ((requested.json, row), (rack, racking.row(rack))):
        assert asked["id"] == found["id"], f"the rack {asked['id']} was read as {found['id']}"


@pytest.mark.requirement("VL-050")
@pytest.mark.cost(calls=2)
def test_a_rack_is_one_tenants_where_it_was_asked_for(ask, racking, rack, theirs):
    both = racks.shared(racking.rows(), racking.rows(key=others_key(ask)))
    assert not both, f"racks of two tenants share {', '.join(sorted(both))}"
    assert rack["metro"] == racking.usual["metro"], f"the rack stands in {rack['metro']}"


@pytest.mark.requirement("VL-170")
@pytest.mark.cost(calls=16)
def test_a_rack_goes_forward(racking):
    rack = racking.rack()
    states = [str(row["status"]) for row in (rack, *racking.built(rack))]
    wrong = racks.backwards(states)
    assert wrong is None, f"{wrong}, of {' then '.join(dict.fromkeys(states))}"
    assert states[0] in racks.BEFORE_READY, f"a rack that was just requested is {states[0]}"
    assert states[-1] == "ready", f"the rack was {' then '.join(dict.fromkeys(states))}, and never ready"


@pytest.mark.requirement("VL-171")
def test_the_nodes_are_those_that_were_ordered(racking, rack, contract):
    wrong = racks.short(rack, racking.usual, contract.trait("vault.templates.standard_8gpu"))
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-171")
@pytest.mark.cost(calls=12)
def test_the_dense_nodes_are_dense(racking, requested, contract):
    stands = racking.built(requested.json)[-1]
    wrong = racks.short(stands, racking.usual, contract.trait("vault.templates.dense_16gpu"))
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-172")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_request_that_cannot_be_is_refused(ask, racking, wrong):
    answer = racking.request(**wrong)
    assert refused(ask, answer), f"a request with {wrong} was answered with {answer.status}"
