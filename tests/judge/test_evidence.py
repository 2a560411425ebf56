"""Rules for what evidence says on its face: our nonce, a TDX quote, no debug mode; and no rule trips over rubbish."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge import Rule, evidence, judge
from harness.wire.exchange import Exchange
from specs import Contract, load
from tests.judge.builders import completion

NONCE = "ab" * 32
PRODUCTION, DEBUG = "0000001000000000", "0100001000000000"
CONTRACT = load("voltagegpu-confidential")


def fetched(document: Any, *, nonce: str | None = NONCE, status: int = 200) -> Exchange:
    query = "" if nonce is None else f"?model=m&nonce={nonce}"
    path = f"/attestation/report{query}"
    return completion(document, method="GET", path=path, status=status, intent={"role": "evidence"})


def quote(*, version: int = 4, kind: int = 0x81, attributes: str = PRODUCTION) -> str:
    header = version.to_bytes(2, "little") + bytes(2) + kind.to_bytes(4, "little") + bytes(40)
    descriptor = bytes(6) if version == 5 else b""
    return (header + descriptor + bytes(120) + bytes.fromhex(attributes) + bytes(456)).hex()


def found(rule: Rule, x: Exchange, contract: Contract = CONTRACT) -> list[str]:
    return [finding.message for finding in judge(rule, [x], contract).findings]


@pytest.mark.parametrize("repeated", [NONCE, NONCE.upper(), f"0x{NONCE}", None])
def test_our_nonce_is_right_and_so_is_none(repeated: str | None) -> None:
    assert found(evidence.evidence_repeats_our_nonce, fetched({"request_nonce": repeated})) == []


@pytest.mark.parametrize("repeated", ["cd" * 32, "", 7, [NONCE]])
def test_another_nonce_is_found(repeated: Any) -> None:
    assert len(found(evidence.evidence_repeats_our_nonce, fetched({"request_nonce": repeated}))) == 1


def test_a_fetch_without_a_nonce_is_no_subject() -> None:
    judged = judge(evidence.evidence_repeats_our_nonce, [fetched({"request_nonce": NONCE}, nonce=None)], CONTRACT)
    assert judged.subjects == 0


@pytest.mark.parametrize("text", [quote(), "0x" + quote(), quote(version=5)])
def test_a_production_quote_is_right(text: str) -> None:
    assert found(evidence.quote_is_of_a_production_trust_domain, fetched({"intel_quote": text})) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (quote(attributes=DEBUG), "debug"),
        (quote(version=5, attributes=DEBUG), "debug"),
        (quote(kind=0), "not a TDX quote"),
        (quote(version=3), "not a TDX quote"),
        (quote()[:200], "ends before"),
        ("", "no quote"),
        ("zz", "no quote"),
        (None, "no quote"),
        ([quote()], "no quote"),
    ],
)
def test_another_quote_is_found(text: Any, said: str) -> None:
    (message,) = found(evidence.quote_is_of_a_production_trust_domain, fetched({"intel_quote": text}))
    assert said in message


@pytest.mark.parametrize("answer", [fetched([]), fetched({}, status=404), completion({"intel_quote": "00"})])
def test_what_is_no_evidence_is_no_subject(answer: Exchange) -> None:
    assert judge(evidence.quote_is_of_a_production_trust_domain, [answer], CONTRACT).subjects == 0


@given(text=st.binary(max_size=300).map(bytes.hex) | st.text(max_size=30), nonce=st.text(max_size=70))
def test_no_rule_raises_on_rubbish(text: str, nonce: str) -> None:
    for rule in (evidence.evidence_repeats_our_nonce, evidence.quote_is_of_a_production_trust_domain):
        found(rule, fetched({"intel_quote": text, "request_nonce": nonce}))
