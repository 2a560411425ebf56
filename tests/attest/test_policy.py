"""Policies as data: the shipped ones are what they say, and every key of a file changes a verdict."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import specs
from harness.attest import Code, Policy, judge_quote, policy_of
from harness.attest.verify import verify
from tests.attest.lab import HONEST, NONCE, NOW, evidence_of, judged, platform, quote_of, trust_in

FIELD, STRICT, INSPECT = (policy_of(specs.policy(name)) for name in ("field", "strict", "inspect"))
ADVISORY = "INTEL-SA-00960"
MEASURED = judge_quote(quote_of(HONEST), trust_in(HONEST), NOW).measurements


def attributes(text: str) -> dict[str, bytes]:
    return {"td_attributes": bytes.fromhex(text)}


def test_the_default_in_code_is_the_shipped_field_policy() -> None:
    assert Policy() == FIELD


def test_strict_is_never_laxer_than_field() -> None:
    relaxing = [
        name for name in _booleans() if name.startswith("allow_") and getattr(STRICT, name) > getattr(FIELD, name)
    ]
    assert (relaxing, STRICT.statuses <= FIELD.statuses, STRICT.require_sept_ve_disable) == ([], True, True)


def test_the_three_policies_on_a_machine_like_those_in_the_field() -> None:
    verdicts = [judge_quote(quote_of(HONEST), trust_in(HONEST), NOW, policy) for policy in (FIELD, STRICT, INSPECT)]
    assert [verdict.code for verdict in verdicts] == [Code.ACCEPTED, Code.POLICY_REFUSED, Code.ACCEPTED]
    assert len(verdicts[1].problems) == 3  # dynamic platform, cached keys, SMT: all of them are told


@pytest.mark.parametrize(
    ("document", "decisions", "code"),
    [
        ({"tcb": {"statuses": ["UpToDate", "SWHardeningNeeded"]}}, {"tcb_status": "SWHardeningNeeded"}, Code.ACCEPTED),
        ({"tcb": {"statuses": ["OutOfDate"], "grace_days": 300}}, {"tcb_status": "OutOfDate"}, Code.ACCEPTED),
        ({"tcb": {"statuses": ["OutOfDate"], "grace_days": 200}}, {"tcb_status": "OutOfDate"}, Code.POLICY_REFUSED),
        (
            {"tcb": {"refused_advisories": ["INTEL-SA-00960"]}},
            {"tcb_advisories": ("INTEL-SA-00960",)},
            Code.POLICY_REFUSED,
        ),
        ({"tcb": {"min_evaluation_number": 21}}, {}, Code.POLICY_REFUSED),
        ({"tcb": {"min_root_crl_number": 2**40}}, {}, Code.POLICY_REFUSED),
        ({"tcb": {"min_pck_crl_number": 2**40}}, {}, Code.POLICY_REFUSED),
        ({"platform": {"sgx_types": [0]}}, {}, Code.POLICY_REFUSED),
        ({"platform": {"fmspcs": ["A55A7E570000"]}}, {}, Code.ACCEPTED),
        ({"platform": {"fmspcs": ["00806f050000"]}}, {}, Code.PLATFORM_UNEXPECTED),
        ({"platform": {"ppids": ["00" * 16]}}, {}, Code.PLATFORM_UNEXPECTED),
        ({"tees": ["sgx"]}, {}, Code.QUOTE_WRONG_TEE),
        ({"domain": {"allow_debug": True}}, attributes("0100001000000000"), Code.ACCEPTED),
        ({"domain": {"allow_profiling": True}}, attributes("1000001000000000"), Code.ACCEPTED),
        (
            {"domain": {"allow_reserved_bits": True}},
            attributes("0200001000000000"),
            Code.ACCEPTED,
        ),
        ({"domain": {"allow_migratable": True}}, attributes("0000003000000000"), Code.ACCEPTED),
        ({"domain": {"allow_service_td": True}}, attributes("0000021000000000"), Code.ACCEPTED),
        ({"domain": {"require_sept_ve_disable": False}}, attributes("00" * 8), Code.ACCEPTED),
        ({"domain": {"allow_debug": True}}, attributes("0100000000000000"), Code.TD_SEPT_VE),
        ({"domain": {"xfam_allowed": "00000000000600e7"}}, {}, Code.TD_XFAM),
        ({"domain": {"xfam_required": "0000000000001000"}}, {}, Code.TD_XFAM),
        ({"measurements": {"mr_td": [MEASURED["mr_td"].upper()]}}, {}, Code.ACCEPTED),
        ({"measurements": {"mr_td": ["00" * 48]}}, {}, Code.MEASUREMENT_UNEXPECTED),
        ({"measurements": {"mr_service_td": ["00" * 48]}}, {}, Code.MEASUREMENT_UNEXPECTED),
    ],
    ids=repr,
)
def test_every_key_of_a_policy_file_decides(document: dict[str, Any], decisions: dict[str, Any], code: Code) -> None:
    machine = platform(**decisions)
    policy = policy_of({"name": "own", **document})
    assert judge_quote(quote_of(machine), trust_in(machine), NOW, policy).code is code


def test_the_verdict_tells_what_was_used_and_what_is_left_open() -> None:
    pinned = replace(FIELD, measurements={"mr_td": frozenset({MEASURED["mr_td"]})}, fmspcs=frozenset({"a55a7e570000"}))
    verdict = judge_quote(quote_of(HONEST), trust_in(HONEST), NOW, pinned)
    assert {"mr_td", "fmspc"}.isdisjoint(verdict.unpinned)
    assert {"mr_seam", "rt_mr0", "rt_mr3", "mr_config_id", "ppid"} <= set(verdict.unpinned)
    assert (verdict.engine, verdict.policy) == ("dcap-qvl 0.7.0", "field")
    assert verdict.collateral["evaluation_number"] == "20"
    assert verdict.platform["smt"] == "yes"


def test_our_own_engine_is_named_where_the_other_refuses() -> None:
    verdict = judged(td_attributes=bytes(8))
    assert (verdict.code, verdict.status, verdict.engine) == (Code.TD_SEPT_VE, "UpToDate", "assay")
    assert any("refuses such a domain outright" in note for note in verdict.notes)


@pytest.mark.parametrize(("event", "code"), [("os-image-hash", Code.MEASUREMENT_UNEXPECTED), ("mr-kms", None)])
def test_a_pinned_event_of_the_log_is_compared(event: str, code: Code | None) -> None:
    evidence = evidence_of(HONEST)
    logged = {row["event"]: row["event_payload"] for row in evidence.event_log or ()}
    allowed = "00" * 32 if code else logged[event]
    report = verify(evidence, trust_in(HONEST), NONCE, NOW, policy_of({"name": "own", "events": {event: [allowed]}}))
    assert report.codes == ((code,) if code else ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: x\n", "summary missing"),
        ("name: x\nsummary: y\nextends: nothing\n", "extends: expected one of field, genuine, inspect, strict"),
        ("name: x\nsummary: y\ntcb: {statuses: [Revoked]}\n", "Revoked"),
        ("name: x\nsummary: y\nmeasurements: {mr_tdx: [00]}\n", "mr_tdx"),
    ],
)
def test_a_policy_file_with_a_mistake_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(specs.SpecError, match=told):
        specs.policy(path)


def test_a_policy_file_may_extend_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("name: own\nsummary: one machine\nextends: strict\ntcb: {min_evaluation_number: 20}\n")
    policy = policy_of(specs.policy(path))
    assert (policy.allow_smt, policy.min_evaluation_number) == (False, 20)


def test_a_mistyped_policy_name_gets_a_hint() -> None:
    with pytest.raises(specs.SpecError, match="did you mean strict"):
        specs.policy("strickt")


def _booleans() -> list[str]:
    return [one.name for one in fields(Policy) if one.type == "bool"]
