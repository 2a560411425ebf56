"""Two verifiers, written apart, on everything there is: they agree, or the table says why they do not."""

from __future__ import annotations

import json
from dataclasses import replace

import dcap_qvl
import pytest

import specs
from harness.attest import Verdict, fallback, judge_quote, policy_of
from harness.attest.engine import appraise
from harness.attest.facts import Facts
from harness.attest.layout import read
from tests.attest import second
from tests.attest.forge import Trial
from tests.attest.test_attacks_tdx import ROWS
from tests.attest.test_vectors import FOLDER, REJECTED, STATUSES, vector

INSPECT = policy_of(specs.policy("inspect"))
CASES = {name: row[2] for name, row in ROWS.items()}
# case -> why the first refuses what the second takes
STRICTER = {
    "A22": "the engine wants 32 bytes of QE authentication data, as every real quoting enclave sends; Intel any",
    "A23": "as A22",
    "B23": "the second half of the QE's report data is zero in every real quote; Intel compares the first half only",
    "C24": "Intel takes the components and never compares them with the CPUSVN, the engine the CPUSVN: we want both",
    "D05": "Intel does not look at the moment from which a CRL is valid; RFC 5280 does",
    "D06": "as D05",
    "D11": "the second does not need the issuer chain beside the CRL, because the quote carries the same certificates",
    "D14": "Intel wants the CRL number too; the second leaves it out, as it keeps no older list to compare with",
    "D15": "as D14, for the issuer's key id",
}
needs_vectors = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no vectors at {FOLDER}; set ASSAY_VECTORS")


@pytest.mark.parametrize("name", CASES)
def test_two_verifiers_agree_on_every_case(name: str) -> None:
    trial = replace(CASES[name](), policy=INSPECT)
    first, other = _first(trial.judged()), _second(trial)
    if name in STRICTER:
        assert (first, other is None) == (None, False), STRICTER[name]
    else:
        assert first == other


@needs_vectors
@pytest.mark.parametrize("name", [*STATUSES, *REJECTED])
def test_two_verifiers_agree_on_every_genuine_quote(name: str) -> None:
    _, quote, trust, at = vector(name)
    trial = Trial(quote, dict(trust.members), trust.root_der, at, INSPECT)
    assert _first(judge_quote(quote, trust, at, INSPECT)) == _second(trial)


@needs_vectors
@pytest.mark.parametrize("name", STATUSES)
def test_our_own_engine_finds_what_the_other_finds(name: str) -> None:
    _, quote, trust, at = vector(name)
    layout = read(quote)
    theirs, ours = appraise(quote, layout, trust, int(at.timestamp())), fallback.appraise(layout, trust, at)
    assert isinstance(theirs, Facts)
    assert isinstance(ours, Facts)
    assert (ours.status, set(ours.advisories)) == (theirs.status, set(theirs.advisories))
    assert ours.machine == theirs.machine


@needs_vectors
@pytest.mark.parametrize("name", STATUSES)
def test_what_we_read_of_a_machine_is_what_the_engine_claims(name: str) -> None:
    _, quote, trust, at = vector(name)
    moment = int(at.timestamp())
    every = dcap_qvl.QuotePolicy.claims_only(moment)
    found = dcap_qvl.QuoteVerifier(trust.root_der).verify_with_policy(quote, trust.engine_form, moment, every)
    claims = json.loads(found.to_json())
    platform, pck = claims["platform"], claims["platform"]["pck"]
    ours = fallback.appraise(read(quote), trust, at)
    assert isinstance(ours, Facts)
    machine = ours.machine
    flags = [
        {"True": True, "False": False}.get(pck[name]) for name in ("dynamic_platform", "cached_keys", "smt_enabled")
    ]
    assert [machine.flags[name] for name in ("dynamic_platform", "cached_keys", "smt")] == flags
    assert (machine.fmspc, machine.ppid) == (bytes(pck["fmspc"]).hex(), bytes(pck["ppid"]).hex())
    assert (machine.sgx_type, machine.root_key_id) == (pck["sgx_type"], bytes(platform["root_key_id"]).hex())
    assert machine.evaluation_number == claims["tcb"]["eval_data_number"]
    assert (machine.root_crl_number, machine.pck_crl_number) == (platform["root_ca_crl_num"], platform["pck_crl_num"])
    assert machine.expires_s == claims["earliest_expiration_date"]
    dated = {level.of: level for level in ours.levels}
    assert dated["platform"].status == platform["tcb_level"]["tcbStatus"]
    assert dated["platform"].date_s == platform["tcb_date_tag"]


def _first(verdict: Verdict) -> str | None:
    return verdict.status if verdict.accepted else None


def _second(trial: Trial) -> str | None:
    try:
        return second.verify(trial.quote, trial.members, trial.root, trial.at)
    except second.No:
        return None
