"""JSON that fits a caller's JSON Schema, built from the schema and the words of the prompt.

Covers type, enum, const, anyOf/oneOf/allOf, $ref, bounds, lengths, items, required and simple patterns;
a schema that uses more than that gets a value which may not validate.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.patterns import from_pattern
from mockserver.behaviours.text import last_user_text
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.upstream import Job

_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "call",
        "for",
        "give",
        "how",
        "in",
        "is",
        "it",
        "json",
        "me",
        "of",
        "on",
        "or",
        "return",
        "the",
        "to",
        "use",
        "what",
        "with",
    ]
)
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T12:00:00Z",
    "time": "12:00:00Z",
    "email": "reader@example.com",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}
_DEPTH = 12


def write_json(job: Job, rng: random.Random) -> str | None:
    """The JSON text that `response_format` asks for; None when it asks for none."""
    wanted = job.body.get("response_format")
    if not wanted:
        return None
    words = words_of(last_user_text(job.body["messages"]))
    if wanted.get("type") == "json_object":
        return encode({"answer": " ".join(words[:8]) or "done", "complete": True}).decode()
    if wanted.get("type") != "json_schema":
        return None
    schema = wanted["json_schema"].get("schema") or {}
    return json.dumps(job.gateway.fill(schema, words, rng), ensure_ascii=False)


def words_of(prompt: str) -> list[str]:
    """Words worth repeating, capitalised ones first: they are names more often than not."""
    words = [word for word in re.findall(r"[^\W\d_][\w'-]*", prompt) if word.lower() not in _STOP_WORDS]
    return sorted(words, key=lambda word: not word[0].isupper())


def fill(schema: Any, words: list[str], rng: random.Random) -> Any:
    """A value for a schema, made of words where a string may be anything."""
    return _Filler(schema, words).value(schema, 0)


class _Filler:
    """Walks one schema; optional members are left out once it is deep, so recursion ends."""

    def __init__(self, root: Any, words: list[str]) -> None:
        self._root, self._words = root, words or ["value"]
        self._used = 0

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return None if schema is False else self._word()
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._named(schema["enum"])
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                return self.value(self._shallowest(schema, schema[union], depth), depth)
        return self._typed(schema, depth)

    def _typed(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = _type_of(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "integer":
            return int(self._number(schema, whole=True))
        if kind == "number":
            return self._number(schema, whole=False)
        if kind == "boolean":
            return True
        return None if kind == "null" else self._string(schema)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow $ref and fold allOf; a reference that leads nowhere counts as any value."""
        for _ in range(_DEPTH):
            if "$ref" not in schema:
                break
            rest = {key: item for key, item in schema.items() if key != "$ref"}
            schema = {**self._pointed(schema["$ref"]), **rest}
        if schema.get("allOf"):
            merged: dict[str, Any] = {key: item for key, item in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                merged = _folded(merged, self._resolved(part)) if isinstance(part, Mapping) else merged
            return merged
        return schema

    def _pointed(self, ref: Any) -> Mapping[str, Any]:
        node: Any = self._root
        for part in str(ref).removeprefix("#").strip("/").split("/") if ref != "#" else ():
            name = part.replace("~1", "/").replace("~0", "~")
            node = node.get(name, {}) if isinstance(node, Mapping) else {}
        return node if isinstance(node, Mapping) else {}

    def _shallowest(self, schema: Mapping[str, Any], branches: list[Any], depth: int) -> Any:
        """The first branch; once deep, the first one that holds no further structure."""
        chosen = branches[0]
        if depth >= _DEPTH // 2:
            flat = [b for b in branches if _type_of(self._resolved(b) if isinstance(b, Mapping) else {}) not in _NESTED]
            chosen = flat[0] if flat else chosen
        rest = {key: item for key, item in schema.items() if key not in ("anyOf", "oneOf")}
        return _folded(rest, self._resolved(chosen)) if isinstance(chosen, Mapping) else chosen

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = list(schema.get("required") or ())
        names = [name for name in properties if depth < _DEPTH // 2 or name in required]
        result = {name: self.value(properties[name], depth + 1) for name in names} if depth < _DEPTH else {}
        extra = schema.get("additionalProperties", True)
        for name in required:
            result.setdefault(name, self.value(extra, depth + 1) if depth < _DEPTH else None)
        while len(result) < schema.get("minProperties", 0):
            result[f"member_{len(result)}"] = self.value(extra, depth + 1)
        return result

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first = [self.value(item, depth + 1) for item in schema.get("prefixItems") or ()]
        least = schema.get("minItems", 0)
        wanted = max(least, len(first), 0 if depth >= _DEPTH // 2 else min(2, schema.get("maxItems", 2)))
        items = schema.get("items", True)
        while len(first) < wanted and items is not False:
            value = self.value(items, depth + 1)
            if schema.get("uniqueItems") and value in first:
                if len(first) >= least:
                    break
                value = self._distinct(items, first)
            first.append(value)
        return first

    def _distinct(self, items: Any, taken: list[Any]) -> Any:
        """A further value for an array whose items must differ."""
        schema = self._resolved(items) if isinstance(items, Mapping) else {}
        if schema.get("enum"):
            return next((item for item in schema["enum"] if item not in taken), schema["enum"][0])
        if _type_of(schema) in ("integer", "number"):
            return max(taken) + (schema.get("multipleOf") or 1)
        return f"{self._word()} {len(taken)}"

    def _number(self, schema: Mapping[str, Any], whole: bool) -> float | int:
        """The smallest value that the bounds allow, or a small one without bounds."""
        step = schema.get("multipleOf") or (1 if whole else None)
        low = schema.get("minimum")
        if (above := schema.get("exclusiveMinimum")) is not None and not isinstance(above, bool):
            nudge = step if step else _gap(schema, above)
            low = max(low, above + nudge) if low is not None else above + nudge
        high = schema.get("maximum")
        if (below := schema.get("exclusiveMaximum")) is not None and not isinstance(below, bool):
            nudge = step if step else _gap(schema, below)
            high = min(high, below - nudge) if high is not None else below - nudge
        value = low if low is not None else min(3, high) if high is not None else 3
        if step:
            up = -(-value // step) * step
            value = up if high is None or up <= high else (high // step) * step
        return value if not whole else int(value)

    def _string(self, schema: Mapping[str, Any]) -> str:
        if pattern := schema.get("pattern"):
            return from_pattern(str(pattern), schema.get("minLength", 0))
        if (known := _FORMATS.get(schema.get("format", ""))) is not None:
            return known
        text = self._word()
        while len(text) < schema.get("minLength", 0):
            text += " " + self._word()
        return text[: schema["maxLength"]] if "maxLength" in schema else text

    def _word(self) -> str:
        word = self._words[self._used % len(self._words)]
        self._used += 1
        return word

    def _named(self, options: list[Any]) -> Any:
        """The option that the prompt names, or the first."""
        lowered = {word.lower() for word in self._words}
        return next((option for option in options if str(option).lower() in lowered), options[0])


_NESTED = ("object", "array")


def _gap(schema: Mapping[str, Any], bound: float) -> float:
    """Less than the distance between both bounds, so that stepping off one does not cross the other."""
    low = schema.get("exclusiveMinimum", schema.get("minimum"))
    high = schema.get("exclusiveMaximum", schema.get("maximum"))
    return (high - low) / 2 if low is not None and high is not None else max(1.0, abs(bound) * 1e-6)


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema or "multipleOf" in schema:
        return "number"
    return "string"


def _folded(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    result = {**left, **right}
    for key in ("properties", "$defs"):
        if key in left and key in right:
            result[key] = {**left[key], **right[key]}
    if "required" in left and "required" in right:
        result["required"] = [*left["required"], *right["required"]]
    return result
