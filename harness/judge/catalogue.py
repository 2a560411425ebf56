"""Judges of the model list: its shape, its rows, and what a confidential catalogue says in each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.calls import is_listing, lists_models
from harness.judge.chat import is_filled, is_integer, listed, member, objects
from harness.wire.exchange import Exchange
from specs import Contract

TAGS = ({"tools"}, {"json-mode", "structured"})


def rows(x: Exchange) -> list[dict[str, Any]]:
    """The rows of a model list that are objects."""
    return objects(member(x.json, "data"))


def ids(x: Exchange) -> list[str]:
    """The ids of a model list, in its order."""
    return [row["id"] for row in rows(x) if is_filled(row.get("id"))]


def row_of(x: Exchange, model: str) -> dict[str, Any] | None:
    """The row of one model, or None."""
    return next((row for row in rows(x) if row.get("id") == model), None)


def chats(row: dict[str, Any]) -> bool:
    """Whether a model writes text in a conversation, as far as its row tells."""
    makes = row.get("output_modalities")
    return row.get("type", "chat") == "chat" and (not isinstance(makes, list) or "text" in makes)


def at(row: Any, pointer: str) -> Any:
    """The value at a JSON pointer of plain member names, or None."""
    for name in pointer.strip("/").split("/"):
        row = member(row, name)
    return row


@rule("OC-130", on=is_listing)
def list_is_a_list_object(x: Exchange, contract: Contract) -> Problems:
    """The answer is an object, its object is list, its data an array of objects."""
    if not isinstance(x.json, dict):
        yield Problem("the model list is not a JSON object", "an object", type(x.json).__name__)
        return
    if x.json.get("object") != "list":
        yield Problem("object of the model list is not list", "list", repr(x.json.get("object"))[:80])
    data = x.json.get("data")
    if not isinstance(data, list) or len(objects(data)) != len(data):
        yield Problem("data of the model list is not an array of objects", "an array", repr(data)[:80])


def _is_created(value: Any, contract: Contract) -> bool:
    return is_filled(value) if contract.trait("catalogue.created", "integer") == "string" else is_integer(value)


@rule("OC-131", on=lists_models)
def rows_are_complete(x: Exchange, contract: Contract) -> Problems:
    """Each row has a unique id, the object model, a created of the contract's type and a string owned_by."""
    for row in rows(x):
        named = f"the row {row.get('id')!r}"[:120]
        if not is_filled(row.get("id")):
            yield Problem("a row has no id that is a non-empty string", "a string", repr(row.get("id"))[:80])
        if row.get("object") != "model":
            yield Problem(f"{named} is not the object model", "model", repr(row.get("object"))[:80])
        if not _is_created(row.get("created"), contract):
            kind = contract.trait("catalogue.created", "integer")
            yield Problem(f"{named} has no {kind} created", f"{kind} created", repr(row.get("created"))[:80])
        if not isinstance(row.get("owned_by"), str):
            yield Problem(f"{named} has no string owned_by", "a string", repr(row.get("owned_by"))[:80])
    for model, times in Counter(ids(x)).items():
        if times > 1:
            yield Problem(f"the id {model!r} is listed more than once"[:160], "once", f"{times} times")


@rule("VT-032", on=lists_models)
def rows_are_priced(x: Exchange, contract: Contract) -> Problems:
    """Each row has a prompt price and a completion price: JSON numbers that are not negative."""
    for row, (kind, pointer) in _each(x, contract.trait("catalogue.price", {})):
        price = at(row, pointer)
        if isinstance(price, bool) or not isinstance(price, int | Decimal) or price < 0:
            yield Problem(f"{row.get('id')!r} has no {kind} price at {pointer}"[:160], "a number", repr(price)[:80])


def _each(x: Exchange, price: dict[str, str]) -> Iterator[tuple[dict[str, Any], tuple[str, str]]]:
    pointers = [(kind, price[kind]) for kind in ("prompt", "completion") if kind in price]
    return ((row, pointer) for row in rows(x) for pointer in pointers)


@rule("VT-033", on=lists_models)
def rows_are_confidential(x: Exchange, contract: Contract) -> Problems:
    """No row is without the flag."""
    flag = contract.trait("catalogue.confidential_flag")
    for row in rows(x):
        if row.get(flag) is not True:
            yield Problem(f"{row.get('id')!r} is listed without {flag}"[:160], "true", repr(row.get(flag))[:80])


@rule("VT-038", on=lists_models)
def rows_are_tagged(x: Exchange, contract: Contract) -> Problems:
    """Each row has an array of strings as tags, and the documented tags are in use."""
    name = contract.trait("catalogue.tags")
    for row in rows(x):
        tags = row.get(name)
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            yield Problem(f"{row.get('id')!r} has no array of tags"[:160], "an array of strings", repr(tags)[:80])
    used = {tag for row in rows(x) for tag in listed(row.get(name)) if isinstance(tag, str)}
    for either in TAGS:
        if not either & used:
            yield Problem(f"no model is tagged {' or '.join(sorted(either))}", observed=", ".join(sorted(used))[:120])
