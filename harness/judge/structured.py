"""Rules for structured output: the content is the JSON that was asked for. Schemas are never fetched from elsewhere."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import referencing
import referencing.exceptions

from harness.judge import Problem, Problems, rule
from harness.judge.chat import (
    CUT_SHORT,
    asked,
    asked_stops,
    content,
    finish_reasons,
    indices,
    is_completion,
    is_finished,
    member,
    message,
)
from harness.judge.completion import shown
from harness.wire.exchange import Exchange
from specs import Contract

_UNUSABLE = (
    jsonschema.SchemaError,
    referencing.exceptions.Unresolvable,
    re.error,
    RecursionError,
    ValueError,
    TypeError,
)


def _asks(kind: str, x: Exchange) -> bool:
    wanted = member(asked(x).get("response_format"), "type") == kind and not asked_stops(x)  # they may cut it anywhere
    return wanted and (is_completion(x) or is_finished(x)) and bool(_whole(x))


def _whole(x: Exchange) -> list[int]:
    """The choices that hold a document: not cut off, no refusal and no tool call in its place."""
    ends = finish_reasons(x)
    return [
        index
        for index in indices(x)
        if not CUT_SHORT & {reason for reason in ends.get(index, []) if isinstance(reason, str)}
        and not any(message(x, index).get(name) for name in ("refusal", "tool_calls"))
        and "tool_calls" not in ends.get(index, [])
    ]


def parsed(text: str) -> Any:
    """The text as JSON; None when it is something else (null is no structured output either)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@rule("OC-045", on=lambda x: _asks("json_object", x))
def content_is_a_json_object(x: Exchange, contract: Contract) -> Problems:
    """With json_object the content is one JSON object."""
    for index in _whole(x):
        if not isinstance(parsed(content(x, index)), dict):
            said = shown(content(x, index)[:60])
            yield Problem("the content is not a JSON object", expected="one JSON object", observed=said)


def _schema(x: Exchange) -> Any:
    return member(member(asked(x).get("response_format"), "json_schema"), "schema")


def _asks_strictly(x: Exchange) -> bool:
    described = member(asked(x).get("response_format"), "json_schema")
    return _asks("json_schema", x) and member(described, "strict") is True and isinstance(_schema(x), dict)


@rule("OC-046", on=_asks_strictly)
def content_validates(x: Exchange, contract: Contract) -> Problems:
    """With json_schema and strict the content validates against the schema that was sent."""
    for index in _whole(x):
        document = parsed(content(x, index))
        if document is None:
            said = shown(content(x, index)[:60])
            yield Problem("the content is not JSON", expected="JSON that follows the schema", observed=said)
            continue
        for path, said in _breaches(document, _schema(x)):
            yield Problem(f"the content breaks the schema at {path}", expected="valid by the schema", observed=said)


def _breaches(document: Any, schema: dict[str, Any]) -> list[tuple[str, str]]:
    """Where a document breaks a schema; nothing when the schema itself cannot be used."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())
        return [(error.json_path, error.message[:120]) for error in validator.iter_errors(document)][:8]
    except _UNUSABLE:
        return []
