"""Evidence as a whole: freshness, the bound key, the log and the claims, and what the report says of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import specs
from harness.attest import Code, Evidence, Rejected, verify
from harness.attest.adapters import dstack
from harness.attest.policy import Policy
from mockserver.tee.ccel import boot_records, encode
from tests.attest import formats
from tests.attest.lab import HONEST, MODEL, NONCE, NOW, evidence_of, platform, trust_in, verified

STALE = bytes(32)


@pytest.mark.parametrize("algo", ["ecdsa", "ed25519"])
def test_honest_evidence_is_accepted_and_explained(algo: str) -> None:
    report = verify(evidence_of(HONEST, algo=algo), trust_in(HONEST), NONCE, NOW)
    assert (report.accepted, report.codes, len(report.proven)) == (True, (), 5)
    assert "TEST root" in report.proven[0]
    assert report.claimed
    assert report.unknowable


@pytest.mark.parametrize(
    ("decisions", "codes"),
    [
        ({"nonce_used": lambda _: STALE}, {Code.BINDING_MISMATCH}),
        ({"nonce_shown": lambda _: STALE}, {Code.NONCE_NOT_ECHOED}),
        ({"report_data": lambda _identity, _nonce: bytes(64)}, {Code.BINDING_MISMATCH}),
        ({"report_data": lambda identity, nonce: identity.rjust(32, b"\0") + nonce}, {Code.BINDING_MISMATCH}),
        ({"report_data": lambda identity, nonce: identity.ljust(32, b"\0") + nonce[:16] * 2}, {Code.BINDING_MISMATCH}),
        ({"identity_shown": lambda _: "0x" + "11" * 20}, {Code.BINDING_MISMATCH, Code.KEY_ADDRESS_MISMATCH}),
        ({"identity_shown": lambda _: "0x" + "11" * 32}, {Code.BINDING_MALFORMED, Code.KEY_ADDRESS_MISMATCH}),
        ({"public_key_shown": lambda _: "11" * 64}, {Code.KEY_ADDRESS_MISMATCH}),
        (
            {"compose_shown": lambda text: text + " "},
            {Code.COMPOSE_MISMATCH, Code.CONFIG_ID_MISMATCH, Code.CLAIM_CONTRADICTED},
        ),
        ({"mr_config_id": lambda _: bytes([1]) + bytes(range(47))}, {Code.CONFIG_ID_MISMATCH}),
        ({"events_shown": lambda events: events[:-1]}, {Code.EVENTLOG_REPLAY_MISMATCH}),
        ({"rtmrs": lambda rtmrs: (*rtmrs[:3], bytes(48))}, {Code.EVENTLOG_REPLAY_MISMATCH}),
        ({"td_attributes": bytes.fromhex("0100001000000000")}, {Code.TD_DEBUG}),
        ({"body_signed": lambda body: body[::-1]}, {Code.QUOTE_SIGNATURE_INVALID}),
    ],
)
def test_one_dishonest_decision_is_named(decisions: dict[str, Any], codes: set[Code]) -> None:
    report = verified(**decisions)
    assert set(report.codes) == codes
    assert not report.accepted


def test_a_log_of_another_model_is_rejected() -> None:
    foreign = HONEST.report("another/model", NONCE)["event_log"]
    assert Code.EVENTLOG_REPLAY_MISMATCH in verified(report=lambda document: {**document, "event_log": foreign}).codes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda log: log.replace("/dev/vda".encode("utf-16-le"), "/dev/vdb".encode("utf-16-le")), None),
        (lambda log: log.replace(b"EFI Application", b"EFI Applicazion"), Code.EVENTLOG_DIGEST_MISMATCH),
        (lambda log: encode(boot_records()[:-1]), Code.EVENTLOG_REPLAY_MISMATCH),
        (lambda log: log[:40], Code.EVENTLOG_MALFORMED),
    ],
)
def test_the_firmware_log_beside_the_applications_must_replay_too(
    change: Callable[[bytes], bytes], code: Code | None
) -> None:
    """The command line is told by a digest of other bytes than the log holds, so a changed text changes nothing."""
    found = verified(ccel_shown=change).codes
    assert code in found if code else found == ()


def test_a_firmware_log_does_not_stand_in_for_the_applications() -> None:
    report = verified(events_shown=lambda events: [])
    assert Code.EVENTLOG_MALFORMED in report.codes


def test_measurements_that_the_json_only_claims_are_contradicted() -> None:
    def lie(document: dict[str, Any]) -> dict[str, Any]:
        tcb_info = {**document["info"]["tcb_info"], "mrtd": "00" * 48}
        return {**document, "info": {**document["info"], "tcb_info": tcb_info}}

    assert verified(report=lie).codes == (Code.CLAIM_CONTRADICTED,)


def test_a_report_without_a_log_proves_no_measurement() -> None:
    report = verified(report=lambda document: {**document, "event_log": None})
    assert report.codes == (Code.EVENTLOG_MISSING,)
    assert not any("app_compose" in line or "RTMR" in line for line in report.proven)


def test_a_rejected_quote_proves_nothing_but_every_problem_is_told() -> None:
    report = verified(td_attributes=bytes.fromhex("0100001000000000"), nonce_used=lambda _: STALE)
    assert report.codes == (Code.TD_DEBUG, Code.BINDING_MISMATCH)
    assert report.proven == ()


def test_a_server_that_says_verified_is_not_believed() -> None:
    report = verified(report=lambda document: {**document, "verified": True}, nonce_used=lambda _: STALE)
    assert not report.accepted


def test_every_listed_machine_becomes_evidence_of_its_own() -> None:
    document = HONEST.report(MODEL, NONCE)
    other = {**document["all_attestations"][0], "intel_quote": "00"}
    document["all_attestations"].append(other)
    first, second = dstack.parse(json.dumps(document).encode())
    assert verify(first, trust_in(HONEST), NONCE, NOW).accepted
    assert Code.QUOTE_MALFORMED in verify(second, trust_in(HONEST), NONCE, NOW).codes


def test_info_and_log_may_come_as_text() -> None:
    document = HONEST.report(MODEL, NONCE)
    document["event_log"] = json.dumps(document["event_log"])
    document["info"]["tcb_info"] = json.dumps(document["info"]["tcb_info"])
    (evidence, *_) = dstack.parse(json.dumps(document).encode())
    assert verify(evidence, trust_in(HONEST), NONCE, NOW).accepted


@pytest.mark.parametrize(
    "change",
    [
        {"intel_quote": None},
        {"intel_quote": "zz"},
        {"intel_quote": "00 11"},
        {"intel_quote": 7},
        {"signing_address": []},
        {"signing_algo": "rsa"},
        {"signing_algo": ["ecdsa"]},
        {"event_log": "{"},
        {"event_log": {}},
        {"info": []},
        {"info": [1]},
        {"request_nonce": "xyz"},
        {"all_attestations": "none"},
        {"all_attestations": ["none"]},
        {"info": {"tcb_info": {"app_compose": {}}}},
    ],
)
def test_a_document_of_the_wrong_shape_is_malformed(change: dict[str, Any]) -> None:
    document = {**HONEST.report(MODEL, NONCE), **change}
    if change == {"info": []}:
        assert dstack.parse(json.dumps(document).encode())  # an empty info claims nothing
        return
    with pytest.raises(Rejected) as caught:
        dstack.parse(json.dumps(document).encode())
    assert caught.value.problem.code is Code.EVIDENCE_MALFORMED


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"nul", id="no JSON"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(b"[" * 200_000, id="deep"),
        pytest.param(b'{"a":1,"a":2}', id="key twice"),
        pytest.param(b" " * (5 << 20), id="large"),
    ],
)
def test_bytes_that_are_no_report_are_malformed(raw: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        dstack.parse(raw)
    assert caught.value.problem.code is Code.EVIDENCE_MALFORMED


def test_evidence_of_another_models_domain_is_consistent_in_itself() -> None:
    """Nothing in the quote names the model asked for: only the compose text tells, and a policy has to read it."""
    report = verified(hosted_as=lambda _: "another/model")
    assert report.accepted
    assert any("Which weights" in line for line in report.unknowable)


def test_defects_do_not_leak_between_platforms() -> None:
    assert not verify(evidence_of(platform(nonce_used=lambda _: STALE)), trust_in(HONEST), NONCE, NOW).accepted
    assert verify(evidence_of(HONEST), trust_in(HONEST), NONCE, NOW).accepted


def relayed() -> Evidence:
    """NEAR's evidence over a TLS key, shown as dstack's over an Ed25519 key that is the hash of both."""
    document = formats.near_entry("ecdsa")
    address, fingerprint = (bytes.fromhex(document[name].removeprefix("0x")) for name in RELAYED)
    shown = {"signing_algo": "ed25519", "signing_address": hashlib.sha256(address + fingerprint).hexdigest()}
    kept = {name: value for name, value in document.items() if name not in (*RELAYED, "signing_public_key")}
    return dstack.parse(json.dumps({**kept, **shown}).encode())[0]


RELAYED = ("signing_address", "tls_cert_fingerprint")
NEAR_ONLY = Policy(schemes=frozenset({"near-ecdsa", "near-ed25519"}))


def test_evidence_relayed_as_another_format_is_told_apart_by_a_policy_only() -> None:
    """Both layouts hold 32 bytes and the nonce: the quote verifies for either reading."""
    trust = trust_in(HONEST)
    assert verify(relayed(), trust, NONCE, NOW).accepted
    refused = verify(relayed(), trust, NONCE, NOW, NEAR_ONLY)
    assert refused.codes == (Code.POLICY_SCHEME,)
    assert "dstack-ed25519" in refused.problems[0].reason
    named = verify(relayed(), trust, NONCE, NOW, Policy(channel="named"))
    assert named.codes == (Code.POLICY_CHANNEL,)


def test_the_true_format_meets_both_demands() -> None:
    near = dstack.parse(json.dumps(formats.near_entry("ecdsa")).encode())[0]
    policy = Policy(schemes=NEAR_ONLY.schemes, channel="named")
    assert verify(near, trust_in(HONEST), NONCE, NOW, policy, formats.der()).accepted


def test_a_policy_that_names_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("name: own\nsummary: mine\nextends: field\nbinding: {schemes: [near-ecdas]}\n")
    with pytest.raises(specs.SpecError, match=r"no scheme 'near-ecdas'.*near-ecdsa"):
        specs.policy(path)
