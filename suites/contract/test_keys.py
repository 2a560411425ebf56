"""Every operation of the OpenAPI document asks for the key."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from specs import Contract

METHODS = ("get", "post", "put", "patch", "delete")


def operations(contract: Contract) -> Iterator[tuple[str, str]]:
    """Method and path of each operation, with a stand-in for what the path names."""
    for path, item in contract.openapi["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), re.sub(r"\{\w+\}", "assay-any", path)


@pytest.mark.requirement("VU-003")
@pytest.mark.cost(calls=29)
@pytest.mark.parametrize("key", [None, "wrong"])
def test_every_operation_needs_a_key(ask, contract, key):
    for method, path in operations(contract):
        body = {} if method == "GET" else {"json": {"model": ask.default_model, "name": "assay"}}
        status = ask.send(method, path, key=key, **body).status
        assert status == 401, f"{method} {path} with {key or 'no'} key was answered with {status}"
