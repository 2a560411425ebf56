"""Keys that are issued by the operation under test, and revoked when a test has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.asking.control import Key
from harness.wire.exchange import Exchange

SECRET = ("/secret",)
PATIENCE_S, STEP_S = 5.0, 0.25  # until a request shows in the audit trail


class Issuer:
    """Issues keys of the main organisation, and takes them back."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.path = f"/orgs/{ask.named('org')}/api-keys"
        self.made: list[str] = []

    def ask_for(self, **members: Any) -> Exchange:
        """The answer to a request for a key, whatever it is."""
        body = {"name": "assay", "scopes": ["spark.read"], "ttl_days": 1, **members}
        given = {name: value for name, value in body.items() if value is not ...}
        answer = self._ask.send("POST", self.path, json=given, secrets=SECRET)
        if answer.status == 201 and isinstance(answer.json, dict):
            self.made.append(str(answer.json.get("id")))
        return answer

    def issue(self, *scopes: str, **members: Any) -> tuple[Exchange, Key]:
        """A key with these scopes, and the answer that gave it."""
        answer = self.ask_for(scopes=list(scopes or ("spark.read",)), **members)
        assert answer.status == 201, f"a request for a key was answered with {answer.status}"
        return answer, Key(self._ask.issued(answer, "/secret"), answer.json["id"], "main")

    def revoke(self, key_id: str) -> Exchange:
        return self._ask.send("DELETE", f"{self.path}/{key_id}")

    def listed(self) -> Exchange:
        return self._ask.send("GET", self.path)


@pytest.fixture
def issuer(ask: Ask) -> Iterator[Issuer]:
    made = Issuer(ask)
    yield made
    for key_id in made.made:
        made.revoke(key_id)


@pytest.fixture
def trail(ask: Ask) -> Callable[..., dict[str, dict[str, Any]]]:
    """The newest entries of the main organisation by request id, once these requests are among them."""

    def read(*exchanges: Exchange) -> dict[str, dict[str, Any]]:
        due = {str(x.header("x-request-id")) for x in exchanges}
        end = time.monotonic() + PATIENCE_S
        while True:
            answer = ask.send("GET", f"/orgs/{ask.named('org')}/audit?limit=1000")
            assert answer.status == 200, f"reading the audit trail was answered with {answer.status}"
            found = {row["request_id"]: row for row in answer.json["data"]}
            if due <= found.keys() or time.monotonic() > end:
                return found
            time.sleep(STEP_S)

    return read
