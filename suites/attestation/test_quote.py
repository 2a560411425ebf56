"""The quote of fresh evidence: who signed it, on which machine, and what kind of trust domain it is of."""

from __future__ import annotations

import pytest

from suites.attestation.appraisal import hold, said
from suites.attestation.grounds import CATCH_ALL

ZERO = "00" * 48
MEASURED = ("mr_td", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3")


@pytest.mark.requirement("AT-001")
def test_evidence_can_be_read(evidence, appraise, appraisal):
    found = [problem for answer in evidence for problem in appraise(answer)]
    hold("AT-001", map(appraisal, evidence))
    assert all(one.reports for one in map(appraisal, evidence)), f"no machine is described: {said(found)}"


@pytest.mark.requirement("AT-002")
def test_quote_is_signed_by_a_certified_key(evidence, appraisal):
    hold("AT-002", map(appraisal, evidence))


@pytest.mark.requirement("AT-003")
def test_certificates_lead_to_the_trusted_root(evidence, appraisal):
    hold("AT-003", map(appraisal, evidence))


@pytest.mark.requirement("AT-004")
def test_nothing_is_revoked(evidence, appraisal):
    hold("AT-004", map(appraisal, evidence))


@pytest.mark.requirement("AT-005")
def test_quoting_enclave_is_the_vendors(evidence, appraisal):
    hold("AT-005", map(appraisal, evidence))


@pytest.mark.requirement("AT-006")
def test_firmware_is_current(evidence, appraisal):
    hold("AT-006", map(appraisal, evidence))


@pytest.mark.requirement("AT-007")
def test_collateral_is_genuine_and_in_date(evidence, appraisal):
    hold("AT-007", map(appraisal, evidence))


@pytest.mark.requirement("AT-008")
def test_no_other_fault_is_found(evidence, appraisal):
    hold(CATCH_ALL, map(appraisal, evidence))


@pytest.mark.requirement("AT-010")
def test_domain_is_not_in_debug_mode(evidence, others, appraisal):
    hold("AT-010", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-011")
def test_domain_cannot_be_moved_or_profiled(evidence, others, appraisal):
    hold("AT-011", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-012")
def test_sept_ve_disable_is_set(evidence, others, appraisal):
    hold("AT-012", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-013")
def test_no_reserved_bit_is_set(evidence, others, appraisal):
    hold("AT-013", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-014")
def test_firmware_and_boot_are_measured(evidence, measured):
    for values in map(measured, evidence):
        empty = [name for name in MEASURED if values[name] == ZERO]
        assert not empty, f"the quote measures nothing in {', '.join(empty)}"


@pytest.mark.requirement("AT-015")
def test_module_says_which_one_it_is(evidence, measured):
    for values in map(measured, evidence):
        assert values["mr_seam"] != ZERO, "MRSEAM is zero: the quote names no TDX module"
