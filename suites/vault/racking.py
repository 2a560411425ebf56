"""How the checks ask for racks and get at their machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.judge import racks, talos
from harness.judge.kubeconfig import Unreadable
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.orders import at, body, may_order, rows, watched

RACKS = "vault/racks"
CREDENTIALS, TALOS, REPORT = "/redfish-credentials", "/talos-config", "/attestation"


class Racking:
    """Racks for one tenant or another. There is no operation that gives one back, so few are asked for."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask

    @property
    def usual(self) -> dict[str, Any]:
        trait = self.ask.contract.trait
        metro = self.ask.target.names.get("metro", trait("vault.metro"))
        return {"metro": metro, "gpu_type": trait("vault.gpu_type"), "term": trait("vault.terms")[0]}

    def request(self, *, key: Credential = "main", **members: Any) -> Exchange:
        """POST a rack: the usual one with other members."""
        may_order(self.ask)
        return self.ask.send("POST", f"/{RACKS}", json=body({**self.usual, **members}), key=key)

    def rack(self, *, key: Credential = "main", **members: Any) -> dict[str, Any]:
        """A new rack as the answer tells it."""
        answer = self.request(key=key, **members)
        assert answer.status in {200, 201, 202}, (
            f"a valid request was answered with {answer.status}: {answer.text[:200]}"
        )
        return dict(answer.json)

    def row(self, rack: Mapping[str, Any], *, key: Credential = "main") -> dict[str, Any]:
        answer = self.ask.send("GET", at(RACKS, str(rack["id"])), key=key)
        assert answer.status == 200, f"a rack of one's own was answered with {answer.status}"
        return dict(answer.json)

    def rows(self, *, key: Credential = "main") -> list[dict[str, Any]]:
        return rows(self.ask.send("GET", f"/{RACKS}", key=key))

    def built(self, rack: Mapping[str, Any], *, key: Credential = "main") -> list[Mapping[str, Any]]:
        """Everything that was seen of it until it stood."""
        read = lambda: self.row(rack, key=key)  # noqa: E731
        return watched(self.ask, read, lambda row: row.get("status") not in racks.BEFORE_READY)

    def ready(self, *, key: Credential = "main", **members: Any) -> dict[str, Any]:
        """A rack that stands: one that is there, or a new one in a laboratory. Raises NotObserved."""
        if "control" not in self.ask.target.capabilities():
            there = next((row for row in self.rows(key=key) if row.get("status") == "ready"), None)
            if there is None:
                raise NotObserved("there is no rack that is ready, and one is only asked for in a laboratory")
            return there
        made = self.rack(key=key, **members)
        return {**self.built(made, key=key)[-1], "id": made["id"]}  # what is read for an id may be another rack

    def below(self, rack: Mapping[str, Any], below: str, *, method: str = "GET", key: Credential = "main") -> Exchange:
        secrets: Any = {CREDENTIALS: ["/password"], TALOS: Downloaded().take}.get(below, ())
        return self.ask.send(method, at(RACKS, str(rack["id"]), below), key=key, secrets=secrets)

    def credentials(self, rack: Mapping[str, Any]) -> Exchange:
        return self.below(rack, CREDENTIALS, method="POST")

    def download(self, rack: Mapping[str, Any]) -> Downloaded:
        """The Talos configuration as it came; what is kept of it has no secrets."""
        held = Downloaded()
        held.answer = self.ask.send("GET", at(RACKS, str(rack["id"]), TALOS), secrets=held.take)
        return held


@dataclass
class Downloaded:
    """A configuration: read before the answer is kept."""

    answer: Exchange | None = None
    text: bytes = b""
    taken: list[str] = field(default_factory=list)

    def take(self, answer: Exchange) -> Iterable[str]:
        self.text = answer.body
        try:
            self.taken = talos.secrets(talos.read(self.text))
        except Unreadable:
            self.taken = []
        return self.taken

    @property
    def config(self) -> dict[str, Any]:
        assert self.answer is not None
        assert self.answer.status == 200, f"the Talos configuration was answered with {self.answer.status}"
        try:
            return talos.read(self.text)
        except Unreadable as error:
            raise AssertionError(f"this is no Talos configuration: {error}") from None
