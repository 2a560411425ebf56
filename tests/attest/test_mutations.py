"""Random damage: no mutation of a quote or its collateral is accepted, and none crashes the judge."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.attest import Code, Trust, judge_quote
from tests.attest.lab import HONEST, NOW, flipped, quote_of, trust_in

QUOTE = quote_of(HONEST)
TRUST = trust_in(HONEST)
FIXED = 1258  # everything before the PEM chain
SIGNED = ("tcb_info", "qe_identity")
BINARY = ("tcb_info_signature", "qe_identity_signature", "root_ca_crl", "pck_crl")
bit = st.integers(0, 7).map(lambda n: 1 << n)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(0, FIXED - 1), bit)
def test_no_flipped_bit_of_the_fixed_part_is_accepted(at: int, mask: int) -> None:
    rejected(flipped(QUOTE, at, mask))


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(FIXED, len(QUOTE) - 1), bit)
def test_no_flipped_bit_of_the_certificates_is_accepted(at: int, mask: int) -> None:
    rejected(flipped(QUOTE, at, mask))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, len(QUOTE)), st.integers(0, 200), st.binary(max_size=200))
def test_no_spliced_quote_is_accepted(at: int, dropped: int, inserted: bytes) -> None:
    spliced = QUOTE[:at] + inserted + QUOTE[at + dropped :]
    if spliced.rstrip(b"\0") != QUOTE.rstrip(b"\0"):
        rejected(spliced)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=3000))
def test_random_bytes_are_rejected(raw: bytes) -> None:
    rejected(raw)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(BINARY), st.data())
def test_no_flipped_bit_of_the_collateral_is_accepted(member: str, data: st.DataObject) -> None:
    members = dict(TRUST.members)
    raw = bytes.fromhex(members[member])
    members[member] = flipped(raw, data.draw(st.integers(0, len(raw) - 1)), data.draw(bit)).hex()
    rejected(QUOTE, Trust(json.dumps(members), TRUST.root_der))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(SIGNED), st.data())
def test_no_changed_character_of_a_signed_statement_is_accepted(member: str, data: st.DataObject) -> None:
    members = dict(TRUST.members)
    text = members[member]
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda character: character != text[at]))
    members[member] = text[:at] + other + text[at + 1 :]
    rejected(QUOTE, Trust(json.dumps(members), TRUST.root_der))


def rejected(quote: bytes, trust: Trust = TRUST) -> None:
    verdict = judge_quote(quote, trust, NOW)
    assert not verdict.accepted
    assert verdict.code not in (Code.ENGINE_UNMAPPED, Code.ENGINE_DISAGREES), verdict.problems[0].reason
