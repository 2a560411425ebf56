"""Judges of embeddings: the list, its rows, their vectors. Checks that asked for several compare them."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.calls import path
from harness.judge.chat import asked, is_filled, is_integer, member, objects
from harness.wire.exchange import Exchange
from specs import Contract

MOST = 100_000  # numbers of a vector that anybody looks at
LENGTH_TOLERANCE = 1e-3


def is_embedding(x: Exchange) -> bool:
    """A whole answer to an embedding request that was accepted."""
    made = x.request.method == "POST" and path(x).endswith("/embeddings")
    return made and x.complete and 200 <= (x.head_status or 0) < 300


def vectors(x: Exchange) -> list[list[float]]:
    """The vectors of an answer in the order of its rows; empty where a row holds none."""
    return [vector(row.get("embedding")) for row in objects(member(x.json, "data"))]


def vector(value: Any) -> list[float]:
    """Numbers, or base64 of little-endian 32-bit floats; empty for anything else."""
    if isinstance(value, str):
        try:
            data = base64.b64decode(value, validate=True)
            return list(struct.unpack(f"<{len(data) // 4}f", data)) if len(data) <= 4 * MOST else []
        except (binascii.Error, struct.error, ValueError):
            return []
    if not isinstance(value, list) or len(value) > MOST:
        return []
    numbers = [float(each) for each in value if isinstance(each, int | float | Decimal) and not isinstance(each, bool)]
    return numbers if len(numbers) == len(value) and all(map(math.isfinite, numbers)) else []


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Similarity of two vectors; -1 where they cannot be compared."""
    lengths = math.hypot(*one) * math.hypot(*other)
    if len(one) != len(other) or not lengths:
        return -1.0
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / lengths


@rule("EM-001", on=is_embedding)
def list_has_its_members(x: Exchange, contract: Contract) -> Problems:
    """object is list, model is text, data an array and usage an object."""
    if x.head_status != 200:
        yield Problem("embeddings were not answered with 200", "200", str(x.head_status))
    if not isinstance(x.json, dict):
        yield Problem("the answer is not a JSON object", "an object", type(x.json).__name__)
        return
    if x.json.get("object") != "list":
        yield Problem("object is not list", "list", repr(x.json.get("object"))[:80])
    if not is_filled(x.json.get("model")):
        yield Problem("model is not a non-empty string", "a string", repr(x.json.get("model"))[:80])
    for name, kind in (("data", list), ("usage", dict)):
        if not isinstance(x.json.get(name), kind):
            yield Problem(f"{name} is not there", kind.__name__, repr(x.json.get(name))[:80])


@rule("EM-002", on=is_embedding)
def rows_are_embeddings(x: Exchange, contract: Contract) -> Problems:
    """Each row: object embedding, an integer index, a vector in the form that was asked for."""
    due: type = str if asked(x).get("encoding_format") == "base64" else list
    for row in objects(member(x.json, "data")):
        if row.get("object") != "embedding":
            yield Problem("a row is not the object embedding", "embedding", repr(row.get("object"))[:80])
        if not is_integer(row.get("index")):
            yield Problem("index is not an integer", "an integer", repr(row.get("index"))[:80])
        if not isinstance(row.get("embedding"), due) or not vector(row["embedding"]):
            yield Problem("embedding is no vector in the form asked for", due.__name__, repr(row.get("embedding"))[:80])


@rule("EM-003", on=is_embedding)
def rows_are_numbered(x: Exchange, contract: Contract) -> Problems:
    """As many rows as texts, numbered from zero in order."""
    given = asked(x).get("input")
    due = list(range(len(given))) if isinstance(given, list) else [0]
    seen = [row.get("index") for row in objects(member(x.json, "data"))]
    if seen != due:
        yield Problem("the rows are not one for each text, in order", str(due)[:80], str(seen)[:80])


@rule("EM-004", on=is_embedding)
def vectors_have_the_dimension(x: Exchange, contract: Contract) -> Problems:
    """As many numbers as the contract knows of the model, or as were asked for."""
    known, model, wanted = (
        contract.trait("embeddings.dimensions", {}),
        asked(x).get("model"),
        asked(x).get("dimensions"),
    )
    due = wanted if is_integer(wanted) else known.get(model) if isinstance(model, str) else None
    if due is not None and (wrong := sorted({len(found) for found in vectors(x)} - {due})):
        yield Problem("a vector has another dimension than its model", str(due), str(wrong)[:80])


@rule("EM-005", on=is_embedding)
def vectors_have_length_one(x: Exchange, contract: Contract) -> Problems:
    """Euclidean length 1."""
    for found in vectors(x):
        if found and abs(math.hypot(*found) - 1) > LENGTH_TOLERANCE:
            yield Problem("a vector has not the length one", "1", f"{math.hypot(*found):.4f}")


@rule("EM-009", on=is_embedding)
def usage_counts_the_input(x: Exchange, contract: Contract) -> Problems:
    """prompt_tokens of at least one and at most the bytes of the input; a total that covers them."""
    usage = member(x.json, "usage")
    prompt, total = member(usage, "prompt_tokens"), member(usage, "total_tokens")
    if not is_integer(prompt) or not is_integer(total):
        seen = f"{prompt!r}, {total!r}"
        yield Problem("usage has no integer prompt_tokens and total_tokens", "two integers", seen[:80])
        return
    given = asked(x).get("input")
    texts = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    most = sum(len(str(text).encode("utf-8", "replace")) + 16 for text in texts)
    if not 1 <= prompt <= most:
        yield Problem("prompt_tokens is no count of the input", f"1 to {most}", str(prompt))
    if total < prompt:
        yield Problem("total_tokens is less than prompt_tokens", f"at least {prompt}", str(total))
