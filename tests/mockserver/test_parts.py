"""Properties of the parts: tokenizer, stop scanner, schema filler, JSON."""

from __future__ import annotations

import random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.behaviours.stops import StopScanner
from mockserver.behaviours.structured import fill
from mockserver.behaviours.tokens import count, tokenize
from mockserver.wire import decode, depth, encode

QUICK = settings(max_examples=150, deadline=None)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(TEXT)
@QUICK
def test_tokens_concatenate_to_the_text(text: str) -> None:
    assert b"".join(tokenize(text)) == text.encode()
    assert count(text) == len(tokenize(text)) <= len(text.encode())


@given(st.text("ab \u00e9"), st.lists(st.text("ab \u00e9", min_size=1, max_size=5), min_size=1, max_size=4))
@QUICK
def test_scanner_delivers_exactly_what_precedes_the_first_stop(text: str, stops: list[str]) -> None:
    scanner = StopScanner([stop.encode() for stop in stops])
    released: list[bytes] = []
    for token in tokenize(text):
        released += scanner.feed(token)
        delivered = b"".join(released).decode(errors="ignore")
        assert not any(stop in delivered for stop in stops)
    released += scanner.flush()
    ends = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    whole = b"".join(released).decode()
    assert scanner.hit is bool(ends)
    if not ends:
        assert whole == text
    else:
        assert text.startswith(whole)
        assert not any(stop in whole for stop in stops)
        assert any(text.startswith(whole + stop) for stop in stops)


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    def bounds(low: int, size: int) -> dict[str, Any]:
        return {"type": "integer", "minimum": low, "maximum": low + size}

    leaf = st.one_of(
        st.builds(bounds, st.integers(-50, 50), st.integers(0, 9)),
        st.builds(lambda n: {"type": "string", "minLength": n, "maxLength": n + 3}, st.integers(0, 30)),
        st.builds(lambda v: {"enum": v}, st.lists(st.sampled_from(["a", 1, None, True]), min_size=1, unique=True)),
        st.builds(lambda v: {"const": v}, st.integers()),
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {}]),
        st.builds(lambda n: {"type": "number", "exclusiveMinimum": n, "exclusiveMaximum": n + 1}, st.integers(-9, 9)),
        st.builds(lambda n: {"type": "integer", "multipleOf": n, "minimum": 1}, st.integers(1, 9)),
        st.sampled_from(["^[A-Z]{3}-\\d{4}$", "^\\d+$", "[a-f0-9]{8}"]).map(lambda p: {"type": "string", "pattern": p}),
    )
    return st.recursive(leaf, _nested, max_leaves=8)


def _nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    def closed(members: dict[str, Any]) -> dict[str, Any]:
        return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}

    return st.one_of(
        st.builds(closed, st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)),
        st.builds(lambda i, n: {"type": "array", "items": i, "minItems": n}, inner, st.integers(0, 3)),
        st.builds(lambda i: {"anyOf": i}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda i: {"$defs": {"x": i}, "$ref": "#/$defs/x"}, inner),
    )


def _with_root_refs(schema: dict[str, Any]) -> bool:
    return "$ref" not in str({key: value for key, value in schema.items() if key != "$ref"})


@given(schemas().filter(_with_root_refs))
@QUICK
def test_filled_values_validate(schema: dict[str, Any]) -> None:
    jsonschema.validate(fill(schema, ["Paris", "next", "week"], random.Random(1)), schema)


def test_recursive_schema_ends() -> None:
    tree = {
        "$defs": {"node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["name", "next"],
            "additionalProperties": False,
        }},
        "$ref": "#/$defs/node",
    }  # fmt: skip
    jsonschema.validate(fill(tree, ["x"], random.Random(1)), tree)


def test_unique_items_differ() -> None:
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 4, "uniqueItems": True}
    jsonschema.validate(fill(schema, ["one"], random.Random(1)), schema)


@pytest.mark.parametrize("levels", [99, 100, 101, 400])
def test_depth_is_exact_around_the_cap(levels: int) -> None:
    raw = b"[" * levels + b"]" * levels
    assert (depth(raw + b"  ", decode(raw), 100) > 100) is (levels > 100)


def test_encoded_text_is_compact_utf8() -> None:
    assert encode({"a": "é"}) == '{"a":"é"}'.encode()
