"""Members of a JSON body: what each may hold, and the refusal when it holds something else.

A check takes (call, where, value) and says what was expected; it never quotes the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from mockserver.behaviours.admission import read_body
from mockserver.behaviours.parameters import is_integer, is_number
from mockserver.refusal import Refusal

if TYPE_CHECKING:
    from mockserver.call import Call

Check = Callable[["Call", str, Any], None]


@dataclass(frozen=True)
class Member:
    """`default` stands for a member that is missing or null; a required one has none."""

    check: Check
    required: bool = False
    default: Any = None


Members = Mapping[str, Member]


def required(check: Check) -> Member:
    return Member(check, required=True)


def optional(check: Check, default: Any = None) -> Member:
    return Member(check, default=default)


async def read_members(call: Call, members: Members) -> dict[str, Any]:
    """The body, read and parsed into `call.body`, and the members of it that are known, with their defaults."""
    await read_body(call)
    call.body = call.gateway.decode_body(call, call.raw)
    return checked(call, call.body, members)


async def read_optional_members(call: Call, members: Members) -> dict[str, Any]:
    """The same for an operation whose body may be left out altogether."""
    await read_body(call)
    call.body = call.gateway.decode_body(call, call.raw) if call.raw.strip() else {}
    return checked(call, call.body, members)


def checked(call: Call, body: Mapping[str, Any], members: Members) -> dict[str, Any]:
    for name, member in members.items():
        if member.required and body.get(name) is None:
            raise call.gateway.refuse_missing(call, name)
    given = {}
    for name, member in members.items():
        value = body.get(name)
        if value is not None:
            member.check(call, name, value)
        given[name] = member.default if value is None else value
    return given


def refuse(call: Call, where: str, expected: str) -> NoReturn:
    raise call.gateway.refuse_parameter(call, where, f"Invalid value for '{where}': expected {expected}.")


def text(shortest: int = 1, longest: int | None = None) -> Check:
    """A string of so many characters (code points)."""

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, str) or len(value) < shortest or (longest is not None and len(value) > longest):
            most = "" if longest is None else f" and at most {longest}"
            refuse(call, where, f"a string of at least {shortest}{most} characters")

    return check


def integer(low: int, high: int | None = None) -> Check:
    def check(call: Call, where: str, value: Any) -> None:
        if not is_integer(value) or value < low or (high is not None and value > high):
            refuse(call, where, f"an integer of at least {low}" + ("" if high is None else f" and at most {high}"))

    return check


def number(low: float, high: float) -> Check:
    def check(call: Call, where: str, value: Any) -> None:
        if not is_number(value) or not low <= value <= high:
            refuse(call, where, f"a number between {low:g} and {high:g}")

    return check


def flag(call: Call, where: str, value: Any) -> None:
    if not isinstance(value, bool):
        refuse(call, where, "true or false")


def anything(call: Call, where: str, value: Any) -> None:
    """No bound at all."""


def one_of(values: Iterable[Any]) -> Check:
    allowed = tuple(values)

    def check(call: Call, where: str, value: Any) -> None:
        if isinstance(value, bool) or value not in allowed:
            refuse(call, where, "one of " + ", ".join(map(str, allowed)))

    return check


def array(each: Check, fewest: int = 0, most: int | None = None) -> Check:
    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, list) or len(value) < fewest or (most is not None and len(value) > most):
            bound = "" if most is None else f" and at most {most}"
            refuse(call, where, f"an array of at least {fewest}{bound} entries")
        for n, entry in enumerate(value):
            each(call, f"{where}[{n}]", entry)

    return check


def any_of(*checks: Check) -> Check:
    """What at least one of the checks lets pass; the last one words the refusal."""

    def check(call: Call, where: str, value: Any) -> None:
        for each in checks[:-1]:
            try:
                each(call, where, value)
            except Refusal:
                continue
            return
        checks[-1](call, where, value)

    return check


__all__ = [
    "Check", "Member", "Members", "any_of", "anything", "array", "checked", "flag", "integer", "number",
    "one_of", "optional", "read_members", "read_optional_members", "refuse", "required", "text",
]  # fmt: skip
