"""Which members of a chat request no server may accept. Says nothing about what lenient servers coerce ("16", 1.0)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
FORMATS = frozenset({"text", "json_object", "json_schema"})


def invalid_members(body: Any) -> list[str]:
    """Names of the members that are certainly wrong; `body` itself when it is not a JSON object."""
    if not isinstance(body, dict):
        return ["body"]
    return [*_structure(body), *(name for name, wrong in _SCALARS.items() if wrong(body.get(name)))]


def only_wrong_member(body: Any) -> str | None:
    """The one member that is wrong, where the rest is so plain that no server can object to it; else None."""
    wrong = invalid_members(body)
    if len(wrong) != 1 or not isinstance(body, dict):
        return None
    rest = {name: value for name, value in body.items() if name != wrong[0]}
    plain = rest.keys() <= _PLAIN.keys() and all(_PLAIN[name](value) for name, value in rest.items())
    return wrong[0] if plain else None


def _is_plain_talk(messages: Any) -> bool:
    return all(
        message.keys() == {"role", "content"} and message["role"] == "user" and isinstance(message["content"], str)
        for message in messages
    )


def _structure(body: dict[str, Any]) -> Iterator[str]:
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "model"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
        yield "messages"


def _is_message(message: Any) -> bool:
    role = message.get("role") if isinstance(message, dict) else None
    return isinstance(role, str) and role in ROLES


def _outside(low: float, high: float) -> Callable[[Any], bool]:
    """A judge of a number that must lie between two bounds; null means not given."""

    def wrong(value: Any) -> bool:
        if value is None or isinstance(value, bool):
            return False
        if isinstance(value, str):
            return not any(character.isdigit() for character in value)
        return not isinstance(value, int | float | Decimal) or not low <= value <= high

    return wrong


def _unknown_format(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, dict) else value
    return value is not None and not (isinstance(kind, str) and kind in FORMATS | {"grammar", "structural_tag"})


def _container(value: Any) -> bool:
    return isinstance(value, dict | list)


_INFINITY = float("inf")
_SCALARS: dict[str, Callable[[Any], bool]] = {
    "temperature": _outside(0, 2),
    "top_p": _outside(0, 1),
    "max_tokens": _outside(1, _INFINITY),
    "max_completion_tokens": _outside(1, _INFINITY),
    "n": _outside(1, _INFINITY),
    "presence_penalty": _outside(-2, 2),
    "frequency_penalty": _outside(-2, 2),
    "stream": _container,
    "response_format": _unknown_format,
}
_PLAIN: dict[str, Callable[[Any], bool]] = {
    "model": lambda _: True,
    "messages": _is_plain_talk,
    "max_tokens": lambda value: isinstance(value, int),
    "stream": lambda value: isinstance(value, bool),
}
