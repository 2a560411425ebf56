"""Bodies read as JSON: as Python reads them, numbers exact, and what is none is None."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.exchange import Request

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(body: bytes) -> Any:
    return Request("POST", "http://host/", (), body).json


@given(VALUES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"]), st.sampled_from([b"", b" \n\t\r"]))
def test_a_document_is_read_in_any_encoding_of_json(value: object, encoding: str, after: bytes) -> None:
    text = json.dumps(value) + after.decode()
    assert read(text.encode(encoding)) == value


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"{}\x0c", b"\xff", b"1e999999999999999999999", b"[" * 100_000])
def test_what_is_no_json_is_none(body: bytes) -> None:
    assert read(body) is None


def test_numbers_are_exact() -> None:
    assert read(b"[0.1, 1e-30]") == [Decimal("0.1"), Decimal("1e-30")]
