"""Leases: created, listed, read and ended, with states and dates that hold together."""

from __future__ import annotations

import pytest

from harness.judge import leases
from harness.model import Tolerated

ORDERED = {"count": 2}


@pytest.mark.requirement("VL-042")
def test_an_order_is_a_lease(leasing, ordered):
    wrong = leases.unlike(ordered.json, {**leasing.usual, **ORDERED})
    assert ordered.status == 201, f"an order was answered with {ordered.status}"
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-043")
@pytest.mark.cost(calls=2)
def test_every_lease_is_listed_once(leasing, ordered, lease):
    rows, own = leasing.rows(), leasing.row(ordered.json)
    found = leases.ids(rows)
    times = {name: found.count(name) for name in (own["id"], lease["id"])}
    assert set(times.values()) == {1}, f"leases are listed so many times: {times}"
    listed = next(row for row in rows if row["id"] == own["id"])
    changed = {name for name in own if name != "status" and listed.get(name) != own[name]}
    assert not changed, f"the list tells another {', '.join(sorted(changed))} than the lease"


@pytest.mark.requirement("VL-043", "VL-044")
@pytest.mark.cost(calls=2)
def test_what_is_listed_can_be_read(leasing, lease):
    assert lease["id"] in leases.ids(leasing.rows()), f"the lease {lease['id']} is not listed"
    assert leasing.row(lease)["id"] == lease["id"], "another lease was read than was asked for"


@pytest.mark.requirement("VL-044")
@pytest.mark.cost(calls=1)
def test_a_lease_stays_what_was_ordered(leasing, ordered):
    row = leasing.row(ordered.json)
    wrong = leases.unlike(row, {**leasing.usual, **ORDERED})
    assert not wrong, "; ".join(wrong)
    assert row["id"] == ordered.json["id"], f"the lease {ordered.json['id']} was read as {row['id']}"


@pytest.mark.requirement("VL-040")
@pytest.mark.cost(calls=1)
def test_a_lease_names_its_namespace(leasing, lease):
    namespace = leasing.row(lease)["namespace"]
    assert leases.LABEL.fullmatch(str(namespace)), f"the namespace is {namespace!r}, which Kubernetes does not take"


@pytest.mark.requirement("VL-040")
def test_the_kubeconfig_leads_into_the_namespace(minted):
    namespace = minted.open().namespace
    assert namespace == minted.lease["namespace"], f"the kubeconfig leads to {namespace!r}"


@pytest.mark.requirement("VL-045")
@pytest.mark.cost(calls=8)
def test_a_lease_ends_when_it_is_terminated(leasing):
    lease = leasing.lease()
    answer = leasing.end(lease)
    assert answer.status in {200, 202, 204}, f"DELETE of a lease was answered with {answer.status}"
    states = [str(row["status"]) for row in leasing.ended(lease)]
    assert set(states) <= leases.ENDED, f"after its end the lease was {', '.join(states)}"
    assert states[-1] == "terminated", f"the lease is {states[-1]} for ever"
    if answer.status != 204:
        raise Tolerated(f"DELETE was answered with {answer.status}, where 204 is expected")


@pytest.mark.requirement("VL-150")
@pytest.mark.cost(calls=20)
def test_a_lease_goes_forward(leasing):
    lease = leasing.lease()
    states = [str(lease["status"]), *(str(row["status"]) for row in leasing.settled(lease))]
    assert states[-1] == "active", f"the lease was {' then '.join(dict.fromkeys(states))}, and never active"
    leasing.end(lease)
    states += [str(row["status"]) for row in leasing.ended(lease)]
    wrong = leases.backwards(states)
    assert wrong is None, f"{wrong}, of {' then '.join(dict.fromkeys(states))}"


@pytest.mark.requirement("VL-150")
@pytest.mark.cost(calls=1)
def test_listed_leases_are_in_a_state(leasing, lease):
    wrong = {str(row["status"]) for row in leasing.rows()} - leases.STATES
    assert not wrong, f"a listed lease is {', '.join(wrong)}"


@pytest.mark.requirement("VL-151")
@pytest.mark.cost(calls=4)
def test_terminating_twice_is_answered_alike(leasing):
    lease = leasing.lease()
    first, second = leasing.end(lease), leasing.end(lease)
    assert second.status == first.status, f"DELETE was answered with {first.status}, then with {second.status}"
    leasing.ended(lease)
    third = leasing.end(lease)
    assert third.status == first.status, f"DELETE was answered with {first.status}, and later with {third.status}"


@pytest.mark.requirement("VL-153")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize(("term", "months"), [("on_demand", None), ("12_month", 12), ("36_month", 36)])
def test_a_lease_ends_with_its_term(leasing, term, months):
    wrong = leases.off_term(leasing.lease(term=term), months)
    assert wrong is None, f"a lease {term}: {wrong}"
