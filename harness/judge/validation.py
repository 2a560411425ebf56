"""Rules for chat requests that must be refused. What lenient servers coerce in good faith ("16", 1.0) is not judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeGuard

from harness.judge import Problem, Problems, rule
from harness.judge.chat import asked, is_chat, member, objects
from harness.judge.invalidity import FORMATS, ROLES
from harness.wire.exchange import Exchange
from specs import Contract

OTHER_REFUSALS = frozenset({401, 402, 403, 413, 415, 429, 502, 503, 504})  # these come first and say nothing of it
EXTENSIONS = frozenset({"grammar", "regex", "structural_tag"})  # formats that servers add to the documented ones


def _judged(wrong: Callable[[Exchange], bool]) -> Callable[[Exchange], bool]:
    """Chat calls that have this fault and were not turned away for another reason."""

    def subject(x: Exchange) -> bool:
        decided = is_chat(x) and x.head_status is not None and x.head_status not in OTHER_REFUSALS
        return decided and wrong(x)

    return subject


def _refusal(x: Exchange, contract: Contract, what: str) -> Problems:
    """The problem of a request that was not refused with one of the contract's statuses for invalid input."""
    due = contract.trait("errors.invalid_status")
    unknown_model_first = x.head_status == 404 and isinstance(asked(x).get("model"), str)
    if x.head_status in due or unknown_model_first:
        return
    did = "answered" if (x.head_status or 0) < 400 else "refused with another status"
    expected = " or ".join(map(str, due))
    yield Problem(f"a request with {what} was {did}", expected=expected, observed=str(x.head_status))


def is_number(value: object) -> TypeGuard[int | Decimal]:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _outside(name: str, low: float, high: float) -> Callable[[Exchange], bool]:
    def wrong(x: Exchange) -> bool:
        value = asked(x).get(name)
        return is_number(value) and not low <= value <= high

    return wrong


def _has_object(x: Exchange) -> bool:
    return isinstance(x.request.json, dict)


def _unknown_role(x: Exchange) -> bool:
    roles = [row.get("role") for row in objects(asked(x).get("messages"))]
    return any(isinstance(role, str) and role not in ROLES for role in roles)


@rule("OC-024", on=_judged(_unknown_role))
def unknown_role_is_refused(x: Exchange, contract: Contract) -> Problems:
    """A message whose role is not documented is refused."""
    yield from _refusal(x, contract, "an unknown role")


@rule("OC-025", on=_judged(lambda x: _has_object(x) and asked(x).get("model") is None))
def missing_model_is_refused(x: Exchange, contract: Contract) -> Problems:
    """A request without model is refused."""
    yield from _refusal(x, contract, "no model")


@rule("OC-026", on=_judged(lambda x: _has_object(x) and asked(x).get("messages") is None))
def missing_messages_are_refused(x: Exchange, contract: Contract) -> Problems:
    """A request without messages is refused."""
    yield from _refusal(x, contract, "no messages")


@rule("OC-027", on=_judged(lambda x: asked(x).get("messages") == []))
def empty_messages_are_refused(x: Exchange, contract: Contract) -> Problems:
    """A request whose messages array is empty is refused."""
    yield from _refusal(x, contract, "an empty list of messages")


def _mistyped_messages(x: Exchange) -> bool:
    messages = asked(x).get("messages")
    if messages is None:
        return False
    return not isinstance(messages, list) or not all(isinstance(row, dict) for row in messages)


@rule("OC-028", on=_judged(_mistyped_messages))
def mistyped_messages_are_refused(x: Exchange, contract: Contract) -> Problems:
    """messages that is no array of objects is refused."""
    yield from _refusal(x, contract, "messages of a wrong type")


def _is_no_json(x: Exchange) -> bool:
    try:
        json.loads(x.request.body, parse_int=str, parse_float=str)
    except ValueError:
        return True
    except RecursionError:
        return False
    return False


@rule("OC-029", on=_judged(_is_no_json))
def malformed_json_is_refused(x: Exchange, contract: Contract) -> Problems:
    """A body that is not JSON is refused."""
    yield from _refusal(x, contract, "a body that is not JSON")


@rule("OC-033", on=_judged(_outside("max_tokens", 1, float("inf"))))
def too_small_max_tokens_is_refused(x: Exchange, contract: Contract) -> Problems:
    """max_tokens below 1 is refused."""
    yield from _refusal(x, contract, "max_tokens below 1")


@rule("OC-034", on=_judged(_outside("temperature", 0, 2)))
def temperature_out_of_range_is_refused(x: Exchange, contract: Contract) -> Problems:
    """A temperature outside 0 to 2 is refused."""
    low = asked(x)["temperature"] < 0
    yield from _refusal(x, contract, f"a temperature {'below 0' if low else 'above 2'}")


@rule("OC-035", on=_judged(_outside("top_p", 0, 1)))
def top_p_out_of_range_is_refused(x: Exchange, contract: Contract) -> Problems:
    """A top_p outside 0 to 1 is refused."""
    yield from _refusal(x, contract, f"a top_p {'below 0' if asked(x)['top_p'] < 0 else 'above 1'}")


def _unknown_format(x: Exchange) -> bool:
    kind = member(asked(x).get("response_format"), "type")
    return isinstance(kind, str) and kind not in FORMATS | EXTENSIONS


@rule("OC-047", on=_judged(_unknown_format))
def unknown_response_format_is_refused(x: Exchange, contract: Contract) -> Problems:
    """A response_format whose type is not documented is refused."""
    yield from _refusal(x, contract, "an unknown response_format")


def mistyped(body: Any) -> list[str]:
    """Names of scalars with a type that nothing can be read from: words where a number is due, fractions as counts."""
    return [name for name, wrong in _TYPES.items() if wrong(member(body, name))]


def _no_number(value: Any) -> bool:
    if isinstance(value, str):
        return not any(character.isdigit() for character in value)
    return isinstance(value, list | dict)


def _no_count(value: Any) -> bool:
    return _no_number(value) or (isinstance(value, Decimal) and value != value.to_integral_value())


_TYPES: dict[str, Callable[[Any], bool]] = {
    "temperature": _no_number,
    "top_p": _no_number,
    "max_tokens": _no_count,
    "n": _no_count,
    "stream": lambda value: isinstance(value, str | list | dict),
}


@rule("OC-051", on=_judged(lambda x: bool(mistyped(x.request.json))))
def mistyped_scalar_is_refused(x: Exchange, contract: Contract) -> Problems:
    """A scalar of the wrong type is refused."""
    yield from _refusal(x, contract, f"{' and '.join(mistyped(x.request.json))} of a wrong type")


@rule("OC-052", on=_judged(_outside("n", 1, float("inf"))))
def n_of_zero_is_refused(x: Exchange, contract: Contract) -> Problems:
    """n below 1 is refused."""
    yield from _refusal(x, contract, "n below 1")
