"""Random damage where our own code judges the signatures: quotes that the engine refuses for their attributes."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

import specs
from harness.attest import Code, Trust, judge_quote, policy_of
from harness.attest.certificates import chain_in
from tests.attest.lab import NOW, flipped, platform, quote_of, trust_in

INSPECT = policy_of(specs.policy("inspect"))
MACHINE = platform(quote_form="v5-td15", td_attributes=bytes(8))
QUOTE, TRUST = quote_of(MACHINE), trust_in(MACHINE)
SIGNED = ("tcb_info", "qe_identity")
BINARY = ("tcb_info_signature", "qe_identity_signature", "root_ca_crl", "pck_crl")
CHAINS = ("tcb_info_issuer_chain", "qe_identity_issuer_chain", "pck_crl_issuer_chain")
bit = st.integers(0, 7).map(lambda n: 1 << n)


def test_the_honest_one_is_taken_and_our_code_is_named() -> None:
    verdict = judge_quote(QUOTE, TRUST, NOW, INSPECT)
    assert (verdict.code, verdict.engine) == (Code.ACCEPTED, "assay")


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.integers(0, len(QUOTE) - 1), bit)
def test_no_flipped_bit_of_the_quote_is_accepted(at: int, mask: int) -> None:
    rejected(flipped(QUOTE, at, mask))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from((*BINARY, *SIGNED, *CHAINS)), st.data())
def test_no_flipped_bit_of_the_collateral_is_accepted(member: str, data: st.DataObject) -> None:
    members = dict(TRUST.members)
    raw = bytes.fromhex(members[member]) if member in BINARY else members[member].encode()
    changed = flipped(raw, data.draw(st.integers(0, len(raw) - 1)), data.draw(st.sampled_from((1, 2, 4, 8, 16))))
    members[member] = changed.hex() if member in BINARY else changed.decode()
    if member in CHAINS and certificates(members[member]) == certificates(TRUST.members[member]):
        return  # damage outside the certificates, or in spare bits of base64: nothing else is read from a chain
    rejected(QUOTE, Trust(json.dumps(members), TRUST.root_der))


@pytest.mark.parametrize("removed", [*SIGNED, *BINARY, *CHAINS])
def test_missing_collateral_is_a_verdict(removed: str) -> None:
    members = {name: value for name, value in TRUST.members.items() if name != removed}
    assert (
        judge_quote(QUOTE, Trust(json.dumps(members), TRUST.root_der), NOW, INSPECT).code is Code.COLLATERAL_MALFORMED
    )


def certificates(text: str) -> list[bytes]:
    return [one.public_bytes(Encoding.DER) for one in chain_in(text)]


def rejected(quote: bytes, trust: Trust = TRUST) -> None:
    verdict = judge_quote(quote, trust, NOW, INSPECT)
    assert not verdict.accepted
    assert verdict.code not in (Code.ENGINE_UNMAPPED, Code.ENGINE_DISAGREES), verdict.problems[0].reason
