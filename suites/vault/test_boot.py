"""The measured-boot report. Nobody signs it (VL-183): what is judged here is whether it holds together."""

from __future__ import annotations

import pytest

from harness.judge import racks
from harness.model import NotObserved


@pytest.mark.requirement("VL-056")
def test_the_report_can_be_read(reported, holds):
    report, _ = reported
    assert report.status == 200, f"the report was answered with {report.status}"
    holds(racks.report_has_its_members, report)


@pytest.mark.requirement("VL-178")
def test_the_report_leaves_no_node_out(racking, rack, reported):
    report, _ = reported
    wrong = racks.missing(rack, report)
    assert not wrong, "; ".join(wrong)
    if not racks.nodes(rack):
        raise NotObserved("the rack has no nodes")


@pytest.mark.requirement("VL-179")
def test_the_report_is_fresh(reported, contract):
    report, between = reported
    wrong = racks.stale(report, contract.trait("vault.report_age_s"), between)
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-180")
def test_registers_hold_measurements(reported, holds):
    report, _ = reported
    holds(racks.registers_hold_measurements, report)


@pytest.mark.requirement("VL-181")
def test_like_nodes_booted_alike(rack, reported):
    report, _ = reported
    if len(racks.nodes(report)) < 2:
        raise NotObserved("the rack has fewer than two nodes")
    wrong = racks.odd_ones(rack, report)
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-182")
@pytest.mark.cost(calls=1)
def test_report_and_rack_say_the_same(racking, rack, reported):
    report, _ = reported
    wrong = racks.contradictions(racking.row(rack), report)
    assert not wrong, "; ".join(wrong)
