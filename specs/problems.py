"""What is wrong with a file, in words for who wrote it: where, what was expected there, what stands there."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import jsonschema

SHOWN = 200  # characters of what the schema's own library says
_KINDS = {
    "array": "a list",
    "object": "a mapping",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def problems(document: Any, schema: Any) -> list[str]:
    """Everything by which a document breaks its schema, each place and what was expected there."""
    found = jsonschema.Draft202012Validator(schema).iter_errors(document)
    return list(dict.fromkeys(f"{_place(error)}: {_said(error)}" for error in found))


def _place(error: jsonschema.ValidationError) -> str:
    return ", ".join(_steps(error)) or "the file"


def _steps(error: jsonschema.ValidationError) -> Iterator[str]:
    for step in error.absolute_path:
        yield f"entry {step + 1}" if isinstance(step, int) else str(step)


def _said(error: jsonschema.ValidationError) -> str:
    due, given = error.validator_value, error.instance
    if error.validator == "required" and isinstance(given, dict) and isinstance(due, list):
        return f"{', '.join(name for name in due if name not in given)} missing"
    if error.validator == "type":
        kinds = [due] if isinstance(due, str) else list(due if isinstance(due, list) else ())
        expected = " or ".join(_KINDS.get(str(kind), str(kind)) for kind in kinds)
        return f"expected {expected}, not {_kind(given)}"
    return error.message if len(error.message) <= SHOWN else f"{error.message[:SHOWN]}…"


def _kind(given: Any) -> str:
    if isinstance(given, datetime.date):
        return "a date (put it in quotes)"
    return _KINDS[_TYPES.get(type(given), "null")]
