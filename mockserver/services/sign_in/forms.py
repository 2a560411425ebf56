"""Forms and queries as OAuth has them, and its refusals, which are not those of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from mockserver.behaviours.admission import read_body
from mockserver.call import Reply
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.call import Call

MOST_FIELDS = 32


@dataclass
class OauthRefusal(Exception):
    """RFC 6749, section 5.2."""

    error: str
    description: str
    status: int = 400


async def read_form(call: Call) -> dict[str, str]:
    """The fields of the body. Raises OauthRefusal for one that is given twice, and for bytes that are no form."""
    await read_body(call)
    return fields(call.raw)


def fields(raw: bytes | str) -> dict[str, str]:
    try:
        text = raw.decode("ascii") if isinstance(raw, bytes) else raw
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise OauthRefusal("invalid_request", "The body is not a form.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OauthRefusal("invalid_request", "A parameter is given twice.")
    return found


def needed(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise OauthRefusal("invalid_request", f"The parameter {name} is missing.")
    return given[name]


def scopes_of(given: Mapping[str, str], allowed: tuple[str, ...], default: str) -> tuple[str, ...]:
    """The scopes that are asked for, in order and once each."""
    asked = tuple(dict.fromkeys(given.get("scope", default).split()))
    if not asked or set(asked) - set(allowed):
        raise OauthRefusal("invalid_scope", "A scope is unknown, or none is asked for.")
    return asked


def json(value: object) -> Reply:
    return Reply(200, encode(value), [("Content-Type", "application/json"), ("Cache-Control", "no-store")])


def refused(refusal: OauthRefusal) -> Reply:
    body = {"error": refusal.error, "error_description": refusal.description}
    return Reply(refusal.status, encode(body), [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
