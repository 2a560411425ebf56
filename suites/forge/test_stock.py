"""What can be leased: told, taken, given back, priced, and never sold twice."""

from __future__ import annotations

import pytest

from harness.judge import leases


@pytest.mark.requirement("VL-041")
def test_availability_is_told(availability, holds):
    assert availability.status == 200, f"the availability was answered with {availability.status}"
    holds(leases.availability_is_told, availability)


@pytest.mark.requirement("VL-041")
@pytest.mark.cost(calls=5)
def test_each_kind_of_gpu_has_an_availability(leasing, contract, holds):
    found = [leasing.available(gpu_type=kind) for kind in contract.trait("forge.gpu_types")]
    assert {answer.status for answer in found} == {200}, "a kind of GPU has no availability"
    holds(leases.availability_is_told, *found)


@pytest.mark.requirement("VL-156")
def test_reserved_terms_save_what_was_promised(availability, contract):
    wrong = leases.off_rates(availability.json["price"], contract.trait("forge.rebates"))
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-154")
@pytest.mark.cost(calls=20)
def test_stock_is_taken_and_given_back(ask, leasing, contract):
    mine = {"gpu_type": contract.trait("forge.gpu_types")[-2]}  # others lease what is usual at the same time
    for _ in range(1 if ask.alone else 5):  # other processes of the run may come in between
        before, lease = leasing.free(**mine), leasing.lease(count=3, **mine)
        during, _, _ = leasing.free(**mine), leasing.end(lease), leasing.ended(lease)
        after = leasing.free(**mine)
        if (during, after) == (before - 3, before):
            return
    assert during == before - 3, f"a lease of 3 GPUs changed {before} that were free into {during}"
    assert after == before, f"of {before} GPUs {after} were free once the lease had ended"


@pytest.mark.requirement("VL-155")
@pytest.mark.cost(calls=9)
def test_no_gpu_is_sold_twice(ask, leasing, contract):
    mine, most = {"gpu_type": contract.trait("forge.gpu_types")[-1]}, contract.trait("forge.most")
    while (left := leasing.free(**mine)) > most:  # what is left then is less than two such orders
        leasing.lease(count=most, **mine)
    count = min(most, left // 2 + 1)
    answers = ask.parallel([lambda: leasing.order(count=count, **mine)] * 4)
    sold = [answer.json for answer in answers if answer.status in {200, 201, 202}]
    granted = sum(row["gpu_count"] for row in sold)
    assert granted <= left, f"of {left} GPUs {granted} were sold to orders at the same time"
    assert all(row["gpu_count"] == count for row in sold), f"an order of {count} GPUs was cut"
    wrong = {answer.status for answer in answers} - {200, 201, 202, 409, 422, 429, 503}
    assert not wrong, f"an order that does not fit was answered with {wrong}"
    for row in sold:
        leasing.end(row)
