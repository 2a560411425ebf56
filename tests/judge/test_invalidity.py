"""Which chat requests no server may accept: what lenient servers coerce is left alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.invalidity import ROLES, invalid_members, only_wrong_member
from tests.judge.builders import asked


@pytest.mark.parametrize(
    "body",
    [
        asked(),
        asked(temperature=0, top_p=Decimal("0.5"), n=1, stream=True),
        asked(temperature=None, max_tokens=None, n=None, stream=None, response_format=None),
        asked(max_tokens="16", temperature="0.5", n=1.5, stream="yes"),
        asked(temperature=True),
        asked(response_format={"type": "json_schema", "json_schema": {}}),
        asked(messages=[{"role": role, "content": "x"} for role in sorted(ROLES)]),
    ],
)
def test_what_a_server_may_accept_is_not_invalid(body: Any) -> None:
    assert invalid_members(body) == []


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (None, ["body"]),
        ([], ["body"]),
        ({}, ["model", "messages"]),
        (asked(model=7), ["model"]),
        (asked(messages=[]), ["messages"]),
        (asked(messages="Hi"), ["messages"]),
        (asked(messages=[{"role": "wizard", "content": "x"}]), ["messages"]),
        (asked(temperature=2.1), ["temperature"]),
        (asked(temperature="hot"), ["temperature"]),
        (asked(temperature=[1]), ["temperature"]),
        (asked(top_p=-0.1, max_tokens=0), ["top_p", "max_tokens"]),
        (asked(n=0), ["n"]),
        (asked(stream={}), ["stream"]),
        (asked(response_format={"type": "yaml"}), ["response_format"]),
    ],
)
def test_what_no_server_may_accept_is_named(body: Any, wrong: list[str]) -> None:
    assert invalid_members(body) == wrong


CALLED: list[dict[str, Any]] = [{"role": "assistant", "content": None, "tool_calls": [{}]}]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (asked(temperature=3), "temperature"),
        (asked(temperature=3, stream=True, max_tokens=4), "temperature"),
        (asked(model=7), "model"),
        (asked(messages=[]), "messages"),
        (asked(), None),
        (None, None),
        (asked(temperature=3, top_p=7), None),
        (asked(temperature=3, max_tokens="16"), None),
        (asked(temperature=3, seed="x"), None),
        (asked(temperature=3, messages=CALLED), None),
    ],
)
def test_one_member_is_to_blame_only_where_the_rest_is_plain(body: Any, wrong: str | None) -> None:
    assert only_wrong_member(body) == wrong


ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=6)


@given(st.dictionaries(st.sampled_from(["model", "messages", "n", "stream", "top_p", "response_format"]), ANY))
def test_any_object_can_be_read(body: dict[str, Any]) -> None:
    assert set(invalid_members(body)) <= {"model", "messages", "n", "stream", "top_p", "response_format"}
