"""The formula language of report_data: what it computes, and that it computes nothing else."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.attest import Code, Rejected
from harness.attest.binding import check, evaluate

ADDRESS, NONCE, PRINT = bytes(range(20)), bytes(range(50, 82)), bytes(range(90, 122))
FIELDS = {"address": ADDRESS, "nonce": NONCE, "fingerprint": PRINT}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("address20 || zeros(12) || nonce32", ADDRESS + bytes(12) + NONCE),
        ("pad(address, 32)||nonce", ADDRESS + bytes(12) + NONCE),
        ("sha256(address20 || fingerprint32) || nonce32", hashlib.sha256(ADDRESS + PRINT).digest() + NONCE),
        ("sha512('app-data:' || nonce)", hashlib.sha512(b"app-data:" + NONCE).digest()),
        ("pad(sha384(sha256(nonce)), 64)", hashlib.sha384(hashlib.sha256(NONCE).digest()).digest() + bytes(16)),
    ],
)
def test_formulas_of_the_field_are_computed(formula: str, value: bytes) -> None:
    assert evaluate(formula, FIELDS) == value
    assert check(formula, FIELDS, value) == []


@pytest.mark.parametrize("at", [0, 19, 20, 31, 32, 63])
def test_all_64_bytes_are_compared(at: int) -> None:
    honest = bytearray(ADDRESS + bytes(12) + NONCE)
    honest[at] ^= 1
    (problem,) = check("address20 || zeros(12) || nonce32", FIELDS, bytes(honest))
    assert problem.code is Code.BINDING_MISMATCH


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "address ||",
        "|| address",
        "address nonce",
        "address32 || nonce32",
        "secret",
        "md5(nonce)",
        "zeros(65)",
        "zeros(nonce)",
        "pad(nonce, 8)",
        "pad(nonce)",
        "sha256()",
        "sha256(nonce",
        "nonce)",
        "__import__('os')",
        "nonce.hex",
        "1",
        "nonce || " * 200 + "nonce",
    ],
)
def test_anything_else_is_refused(formula: str) -> None:
    with pytest.raises(Rejected) as caught:
        evaluate(formula, FIELDS)
    assert caught.value.problem.code is Code.BINDING_MALFORMED


def test_a_formula_must_fill_report_data() -> None:
    assert [problem.code for problem in check("nonce32", FIELDS, NONCE)] == [Code.BINDING_MALFORMED]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="adnosrezhp2356(),|'_ ", max_size=60))
def test_no_text_crashes_the_evaluator(formula: str) -> None:
    with contextlib.suppress(Rejected):
        assert isinstance(evaluate(formula, FIELDS), bytes)
