"""Calls that are refused for another reason than their parameters; all of them cost nothing."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urlsplit

from harness.ask import Ask
from harness.exchange import Exchange
from harness.judge import families
from specs import Contract

UNKNOWN_MODEL: Final = "assay/no-such-model-7f3a"
UNKNOWN_PATH: Final = "/no-such-endpoint"
PROMPT: Final = "The orchard behind the mill smells of quince and rain."
WRONG_METHODS: Final = (("PUT", "/chat/completions"), ("DELETE", "/chat/completions"), ("PATCH", "/models"))
NOT_BEARER: Final = ("Basic YXNzYXk6YXNzYXktYXNzYXk=", "Bearer", "assay-is-not-a-scheme")

ODD_BODIES: Final[dict[str, bytes]] = {
    "empty": b"",
    "not UTF-8": b'{"model": "\xff\xfe", "messages": []}',
    "a list": b"[]",
    "null": b"null",
    "a string": b'"chat"',
    "NaN": b'{"model": "any", "messages": [], "temperature": NaN}',
    "cut off": b'{"model": "any", "messages": [{"role": "us',
    "a lone surrogate": b'{"model": "any\\ud800", "messages": [{"role": "user", "content": 7}]}',
    "a null character": b'{"model": "any\\u0000", "messages": {"0": null}}',
    "a number of 400 digits": b'{"model": "any", "messages": [], "max_tokens": ' + b"9" * 400 + b"}",
    "a token that is not one": b'{"model": "any", "messages": [], "max_tokens": -1}',
}


def needs_a_key(answer: Exchange, key: str | None) -> None:
    """A call without a key, or with a wrong one, is refused as such."""
    asked = f"{answer.request.method} {urlsplit(answer.request.url).path} with {key or 'no'} key"
    assert answer.status == 401, f"{asked} was answered with {answer.status}"


def invalid(answer: Exchange, contract: Contract, what: str) -> None:
    """A request whose parameters are wrong is refused as such."""
    assert answer.status in contract.trait("errors.invalid_status"), f"{what} was answered with {answer.status}"


def no_such_model(answer: Exchange, contract: Contract, what: str) -> None:
    """A request for `what` that names an unknown model is refused as such."""
    due = contract.trait("errors.unknown_model_status")
    assert answer.status in due, f"{what} by an unknown model was answered with {answer.status}"


def all_kinds(ask: Ask) -> tuple[Exchange, ...]:
    """One answer to each kind: no key, wrong key, unknown model, unknown path, wrong method, refused family."""
    return (
        ask.chat(PROMPT, key=None),
        ask.chat(PROMPT, key="wrong"),
        ask.chat(PROMPT, model=UNKNOWN_MODEL),
        ask.send("POST", UNKNOWN_PATH, json={"messages": [{"role": "user", "content": PROMPT}]}),
        ask.send("GET", UNKNOWN_PATH),
        *(ask.send(method, path) for method, path in WRONG_METHODS),
        *(ask.send("POST", path, json={"input": PROMPT}) for path in refused_paths(ask.contract)[:1]),
    )


def refused_paths(contract: Contract) -> list[str]:
    """Every path of every refused family, below the base URL."""
    known = [path for family in contract.trait("refused_families", ()) for path in families.paths(family)]
    return [path.removeprefix(contract.trait("base_path")) for path in known]


def oversized(model: str, limit: int) -> bytes:
    """A sound chat request, padded with white space to one byte above the limit."""
    return _request(model).ljust(limit + 1)


def nested(model: str, depth: int) -> bytes:
    """A sound chat request but for one unknown member that is nested so many levels deep."""
    return _request(model, b', "assay": ' + b"[" * depth + b"]" * depth)


def _request(model: str, more: bytes = b"") -> bytes:
    message = b'"max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]'
    return b'{"model": ' + json.dumps(model).encode() + b", " + message + more + b"}"
