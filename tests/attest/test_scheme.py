"""The bindings as data: every entry is complete, fills report data and says whether it shows the evidence's age."""

from __future__ import annotations

import hashlib

import pytest

import specs
from harness.attest import Code, binding
from harness.attest.scheme import Commitment, Scheme, commitment_problems, scheme
from harness.attest.tie import Tie, judge_tie
from tests.attest.lab import NONCE, evidence_of, no_gpus, platform

NAMES = sorted(specs.bindings())
WIDTHS = {"address": 20, "nonce": 32}
STALE = {"dstack-ratls"}


def fields(chosen: Scheme) -> dict[str, bytes]:
    formulas = [chosen.report_data, *(each.formula for each in chosen.commitments)]
    formulas += [each.equals for each in chosen.commitments]
    names = {name for formula in formulas for name in binding.fields_of(formula)}
    width = 32 if "ed25519" in chosen.name else 20
    sized = {**dict.fromkeys(names, 32), **WIDTHS, "address": width}
    return {name: hashlib.sha512(name.encode()).digest()[: sized[name]] for name in sized}


@pytest.mark.parametrize("name", NAMES)
def test_every_scheme_fills_report_data(name: str) -> None:
    chosen = scheme(name)
    given = fields(chosen)
    assert binding.check(chosen.report_data, given, binding.evaluate(chosen.report_data, given)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_that_binds_no_challenge_says_so(name: str) -> None:
    chosen = scheme(name)
    report_data = binding.evaluate(chosen.report_data, fields(chosen))
    codes = [problem.code for problem in chosen.judge(fields(chosen), report_data)]
    assert (Code.NONCE_UNBOUND in codes) == (name in STALE)
    assert chosen.fresh == (name not in STALE)


@pytest.mark.parametrize("name", [name for name in NAMES if specs.bindings()[name].get("channel")])
def test_the_key_of_the_channel_is_bound_by_the_quote(name: str) -> None:
    chosen = scheme(name)
    assert chosen.channel is not None
    equated = {each.equals for each in chosen.commitments}
    assert chosen.channel.field in binding.fields_of(chosen.report_data) | equated


def test_a_tag_of_another_purpose_gives_another_hash() -> None:
    """I40: what was made as application data is no TLS certificate."""
    content = b"content"
    made = binding.evaluate(scheme("dstack-app-data").report_data, {"nonce": content})
    (problem,) = binding.check(scheme("dstack-ratls").report_data, {"spki": content}, made)
    assert problem.code is Code.BINDING_MISMATCH


def test_a_commitment_to_a_field_that_is_missing_does_not_hold() -> None:
    (problem,) = commitment_problems(Commitment("sha256(gpu)", "gpu_evidence_hash"), {"gpu": b""})
    assert problem.code is Code.BINDING_MALFORMED


@pytest.mark.parametrize("formula", ["sha256(a32 || hex(b)) || 'c'", "pad(sha512(a || b), 64)", "zeros(12) || a || b"])
def test_the_fields_of_a_formula_are_named_without_functions_and_widths(formula: str) -> None:
    assert binding.fields_of(formula) == {"a", "b"}


def test_names_are_unknown_rather_than_guessed() -> None:
    with pytest.raises(KeyError):
        scheme("unknown")


def test_without_gpu_evidence_nothing_is_tied() -> None:
    verdict = judge_tie(evidence_of(platform(gpu_payload=no_gpus)), NONCE, {})
    assert (verdict.tie, verdict.problems) == (Tie.NOT_PROVEN, ())
