"""The quote judge: what it accepts, and the code with which it rejects each kind of damage."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.attest import Code, Policy, Trust, judge_quote, load_trust
from harness.attest.collateral import INTEL_ROOT_KEY_ID, MAX_COLLATERAL_BYTES
from harness.attest.policy import TEE_SGX
from mockserver.tee import Platform
from tests.attest.lab import HONEST, LATER, NOW, flipped, judged, platform, quote_of, resigned, trust_in

QUOTE = quote_of(HONEST)
TRUST = trust_in(HONEST)


def test_an_honest_quote_is_accepted_under_the_test_root() -> None:
    verdict = judge_quote(QUOTE, TRUST, NOW)
    assert (verdict.accepted, verdict.code, verdict.status, verdict.fmspc) == (
        True,
        Code.ACCEPTED,
        "UpToDate",
        "A55A7E570000",
    )
    assert verdict.root_key_id != INTEL_ROOT_KEY_ID
    assert any("TEST ROOT" in note for note in verdict.notes)


def test_the_test_root_is_rejected_where_intels_is_expected() -> None:
    verdict = judge_quote(QUOTE, Trust(TRUST.collateral), NOW)
    assert verdict.code is Code.ROOT_UNTRUSTED


def test_another_platforms_root_is_rejected() -> None:
    stranger = platform_of_another_seed()
    assert judge_quote(QUOTE, Trust(TRUST.collateral, stranger.root_der()), NOW).code is Code.ROOT_UNTRUSTED
    assert judge_quote(QUOTE, trust_in(stranger), NOW).code is Code.CHAIN_INVALID


@pytest.mark.parametrize(
    ("region", "offset", "code"),
    [
        ("version", 0, Code.QUOTE_MALFORMED),
        ("TEE type", 4, Code.QUOTE_WRONG_TEE),
        ("QE vendor", 12, Code.QUOTE_VENDOR_UNKNOWN),
        ("user data", 30, Code.QUOTE_SIGNATURE_INVALID),
        ("tee_tcb_svn", 48, Code.QUOTE_SIGNATURE_INVALID),
        ("mr_td", 184, Code.QUOTE_SIGNATURE_INVALID),
        ("mr_config_id", 232, Code.QUOTE_SIGNATURE_INVALID),
        ("rtmr3", 520, Code.QUOTE_SIGNATURE_INVALID),
        ("report_data", 568, Code.QUOTE_SIGNATURE_INVALID),
        ("signature size", 632, Code.QUOTE_MALFORMED),
        ("signature r", 640, Code.QUOTE_SIGNATURE_INVALID),
        ("attestation key", 700, Code.QE_KEY_UNBOUND),
        ("outer certification type", 764, Code.QUOTE_CERTIFICATION_UNSUPPORTED),
        ("outer size", 766, Code.QUOTE_MALFORMED),
        ("QE mr_enclave", 834, Code.QE_SIGNATURE_INVALID),
        ("QE report signature", 1160, Code.QE_SIGNATURE_INVALID),
        ("QE authentication data", 1225, Code.QE_KEY_UNBOUND),
        ("inner certification type", 1252, Code.QUOTE_CERTIFICATION_UNSUPPORTED),
        ("inner size", 1254, Code.QUOTE_MALFORMED),
        ("PCK certificate", 1500, Code.CHAIN_INVALID),
        ("terminator", len(QUOTE) - 1, Code.QUOTE_MALFORMED),
    ],
)
def test_one_flipped_bit_is_found(region: str, offset: int, code: Code) -> None:
    assert judge_quote(flipped(QUOTE, offset), TRUST, NOW).code is code, region


@pytest.mark.parametrize("length", [0, 1, 47, 48, 631, 636, 1000, 1258, len(QUOTE) - 1])
def test_a_truncated_quote_is_malformed(length: int) -> None:
    assert judge_quote(QUOTE[:length], TRUST, NOW).code is Code.QUOTE_MALFORMED


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ("0100001000000000", Code.TD_DEBUG),
        ("1000001000000000", Code.TD_PROFILING),
        ("0200001000000000", Code.TD_RESERVED_BITS),
        ("0000003000000000", Code.TD_MIGRATABLE),
        ("0000021000000000", Code.TD_SERVICE_TD),
        ("0000000000000000", Code.TD_SEPT_VE),
    ],
)
def test_td_attributes_that_weaken_the_domain_are_rejected(attributes: str, code: Code) -> None:
    assert judged(td_attributes=bytes.fromhex(attributes)).code is code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("OutOfDate", Code.TCB_OUT_OF_DATE),
        ("OutOfDateConfigurationNeeded", Code.TCB_OUT_OF_DATE_CONFIGURATION_NEEDED),
        ("ConfigurationNeeded", Code.TCB_CONFIGURATION_NEEDED),
        ("SWHardeningNeeded", Code.TCB_SW_HARDENING_NEEDED),
        ("ConfigurationAndSWHardeningNeeded", Code.TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED),
        ("Revoked", Code.TCB_REVOKED),
    ],
)
def test_a_platform_that_is_not_current_is_rejected(status: str, code: Code) -> None:
    verdict = judged(tcb_status=status, tcb_advisories=("INTEL-SA-00615",))
    assert verdict.code is code
    assert verdict.advisories == (() if status == "Revoked" else ("INTEL-SA-00615",))


def test_a_policy_may_take_a_status_but_not_a_refused_advisory() -> None:
    machine = platform(tcb_status="SWHardeningNeeded", tcb_advisories=("INTEL-SA-00615",))
    lenient = Policy(statuses=frozenset({"UpToDate", "SWHardeningNeeded"}))
    picky = Policy(statuses=lenient.statuses, refused_advisories=frozenset({"INTEL-SA-00615"}))
    codes = [judge_quote(quote_of(machine), trust_in(machine), NOW, policy).code for policy in (lenient, picky)]
    assert codes == [Code.ACCEPTED, Code.POLICY_REFUSED]


@pytest.mark.parametrize(
    "policy",
    [
        Policy(allow_smt=False),
        Policy(allow_dynamic_platform=False),
        Policy(allow_cached_keys=False),
        Policy(min_evaluation_number=21),
    ],
)
def test_each_platform_rule_of_a_policy_is_applied(policy: Policy) -> None:
    assert judge_quote(QUOTE, TRUST, NOW, policy).code is Code.POLICY_REFUSED


def test_grace_ends_with_its_days() -> None:
    machine, quote = platform(tcb_status="OutOfDate"), quote_of(HONEST)
    taken = frozenset({"UpToDate", "OutOfDate"})
    codes = [
        judge_quote(quote, trust_in(machine), NOW, Policy(statuses=taken, grace_s=days * 86400)).code
        for days in (300, 30)
    ]
    assert codes == [Code.ACCEPTED, Code.POLICY_REFUSED]


def test_a_measurement_outside_the_policy_is_rejected() -> None:
    mr_td = judge_quote(QUOTE, TRUST, NOW).measurements["mr_td"]
    pinned = Policy(measurements={"mr_td": frozenset({mr_td})})
    assert judge_quote(QUOTE, TRUST, NOW, pinned).accepted
    other = platform(mr_td=lambda _: bytes(48))
    assert judge_quote(quote_of(other), trust_in(other), NOW, pinned).code is Code.MEASUREMENT_UNEXPECTED


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ({"pck_revoked": True}, Code.PCK_REVOKED),
        ({"platform_ca_revoked": True}, Code.PCK_ISSUER_REVOKED),
        ({"collateral_age_days": 31}, Code.CRL_EXPIRED),
        ({"collateral_age_days": -3}, Code.TCB_INFO_NOT_YET_VALID),
    ],
)
def test_revocation_and_dates_are_judged(decisions: dict[str, Any], code: Code) -> None:
    assert judged(**decisions).code is code


def test_the_caller_owns_the_clock() -> None:
    assert judge_quote(QUOTE, TRUST, LATER).code is Code.CRL_EXPIRED
    assert judge_quote(QUOTE, TRUST, NOW - timedelta(days=60)).code is Code.TCB_INFO_NOT_YET_VALID


@pytest.mark.parametrize(
    ("member", "change", "code"),
    [
        ("tcb_info", {"fmspc": "000000000000"}, Code.PCK_FMSPC_MISMATCH),
        ("tcb_info", {"version": 2}, Code.TCB_INFO_MALFORMED),
        ("tcb_info", {"tcbLevels": []}, Code.TCB_NO_LEVEL),
        ("tcb_info", {"nextUpdate": "2026-11-20T11:00:00Z"}, Code.TCB_INFO_EXPIRED),
        ("tcb_info", {"tdxModuleIdentities": []}, Code.MODULE_NO_LEVEL),
        ("qe_identity", {"mrsigner": "00" * 32}, Code.QE_IDENTITY_MISMATCH),
        ("qe_identity", {"isvprodid": 1}, Code.QE_IDENTITY_MISMATCH),
        ("qe_identity", {"id": "QE"}, Code.QE_IDENTITY_MALFORMED),
        ("qe_identity", {"nextUpdate": "2026-11-20T11:00:00Z"}, Code.QE_IDENTITY_EXPIRED),
        ("qe_identity", {"issueDate": "2026-11-21T11:00:00Z"}, Code.QE_IDENTITY_NOT_YET_VALID),
    ],
)
def test_signed_statements_are_held_against_the_quote(member: str, change: dict[str, Any], code: Code) -> None:
    assert judged(collateral=resigned(member, lambda document: document.update(change))).code is code


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ("tcb_info_signature", Code.TCB_INFO_SIGNATURE_INVALID),
        ("qe_identity_signature", Code.QE_IDENTITY_SIGNATURE_INVALID),
        ("root_ca_crl", Code.ROOT_UNTRUSTED),
        ("pck_crl", Code.CRL_INVALID),
    ],
)
def test_collateral_with_a_broken_signature_is_rejected(member: str, code: Code) -> None:
    members = HONEST.collateral()
    members[member] = flipped(bytes.fromhex(members[member]), -1).hex()
    assert judge_quote(QUOTE, Trust(json.dumps(members), HONEST.root_der()), NOW).code is code


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="list"),
        pytest.param("{}", id="no members"),
        pytest.param("{" * 100_000, id="deep"),
        pytest.param(json.dumps({**HONEST.collateral(), "pck_crl": "zz"}), id="no hex"),
        pytest.param(json.dumps({**HONEST.collateral(), "tcb_info": {}}), id="no text"),
    ],
)
def test_unreadable_collateral_is_a_verdict_and_no_crash(text: str) -> None:
    assert judge_quote(QUOTE, Trust(text, HONEST.root_der()), NOW).code is Code.COLLATERAL_MALFORMED


def test_a_chain_from_the_collateral_cannot_replace_the_one_in_the_quote() -> None:
    members = {**HONEST.collateral(), "pck_certificate_chain": "garbage"}
    assert judge_quote(QUOTE, Trust(json.dumps(members), HONEST.root_der()), NOW).accepted


def test_trust_is_loaded_from_what_the_platform_exports(tmp_path: Path) -> None:
    HONEST.export_trust(tmp_path)
    assert judge_quote(QUOTE, load_trust(tmp_path), NOW).accepted
    (tmp_path / "root.der").unlink()
    assert judge_quote(QUOTE, load_trust(tmp_path), NOW).code is Code.ROOT_UNTRUSTED


def test_trust_that_is_missing_or_too_large_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_trust(tmp_path)
    (tmp_path / "collateral.json").write_bytes(b" " * (MAX_COLLATERAL_BYTES + 1))
    with pytest.raises(ValueError, match="more than"):
        load_trust(tmp_path)


def test_a_moment_without_a_time_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="aware"):
        judge_quote(QUOTE, TRUST, NOW.replace(tzinfo=None))


def test_an_sgx_policy_does_not_take_a_tdx_quote() -> None:
    verdict = judge_quote(QUOTE, TRUST, NOW, Policy(tees=frozenset({TEE_SGX})))
    assert [problem.code for problem in verdict.problems] == [Code.QUOTE_WRONG_TEE]


def platform_of_another_seed() -> Platform:
    return Platform(b"another seed", lambda: NOW)
