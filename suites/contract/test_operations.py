"""Every operation of the contract's OpenAPI document, by what all of them must do."""

from __future__ import annotations

import re

import pytest

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.asking.probe import probe
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from specs import Contract

NOWHERE = "assay-no-such-id"  # in the place of a path parameter: the key is looked at first
METHODS = ("get", "post", "put", "patch", "delete")
BODILESS = {"GET", "HEAD", "DELETE"}
MANY = 40  # operations of a contract, for the plan


def guarded(contract: Contract) -> list[tuple[str, str, bool]]:
    """Method, path and whether it is below the host, of each operation that asks for a key."""
    document = contract.openapi
    return [
        (method.upper(), re.sub(r"\{[^}]+\}", NOWHERE, path), "servers" in item)
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item and item[method].get("security", document.get("security"))
    ]


def asked(ask: Ask, key: Credential) -> dict[str, Exchange]:
    """Each operation, asked with this key and an empty object."""
    found = {}
    for method, path, rooted in guarded(ask.contract):
        body = None if method in BODILESS else b"{}"
        found[f"{method} {path}"] = ask.send(method, path, content=body, key=key, from_host=rooted)
    return found


@probe(calls=2 * MANY)
def strangers(ask: Ask) -> tuple[dict[str, Exchange], dict[str, Exchange]]:
    """Every operation without a key, and with one that was never issued."""
    return asked(ask, None), asked(ask, "wrong")


@pytest.mark.requirement("OC-165")
def test_every_operation_needs_a_key(strangers, contract):
    open_to_all = contract.trait("auth.required_on_models") is False
    for named, answers in zip(("no", "a wrong"), strangers, strict=True):
        let_in = [f"{name} ({x.status})" for name, x in answers.items() if x.status != 401]
        let_in = [name for name in let_in if not (open_to_all and name.startswith("GET /models"))]
        assert not let_in, f"not refused with 401 with {named} key: {', '.join(let_in[:5])}"


@pytest.mark.requirement("OC-166")
@pytest.mark.cost(calls=MANY + 1)
def test_every_operation_counts(ask):
    key = ask.control.issue_key(requests_per_minute=1)
    first, *_ = guarded(ask.contract)
    ask.send(first[0], first[1], content=None if first[0] in BODILESS else b"{}", key=key, from_host=first[2])
    answers = asked(ask, key)
    if not answers:
        raise NotObserved("no operation asks for a key")
    served = [f"{name} ({x.status})" for name, x in answers.items() if x.status != 429]
    assert not served, f"not refused with 429 to a key that is used up: {', '.join(served[:5])}"
