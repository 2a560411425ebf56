"""How the checks lease: orders that end with the run, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.judge import kubeconfig
from harness.judge.kubeconfig import Kubeconfig, Unreadable
from harness.judge.leases import ENDED
from harness.wire.exchange import Exchange
from suites.orders import at, body, may_order, rows, watched

LEASES = "forge/leases"


class Leasing:
    """Leases for one tenant after the other; `clear` ends what was begun."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self._made: list[tuple[str, Credential]] = []

    @property
    def usual(self) -> dict[str, Any]:
        """One GPU, on demand."""
        trait = self.ask.contract.trait
        metro = self.ask.target.names.get("metro", trait("forge.metro"))
        return {"metro": metro, "gpu_type": trait("forge.gpu_type"), "count": 1, "term": "on_demand"}

    def order(self, *, key: Credential = "main", **members: Any) -> Exchange:
        """POST a lease: the usual one with other members."""
        may_order(self.ask)
        answer = self.ask.send("POST", f"/{LEASES}", json=body({**self.usual, **members}), key=key)
        if (
            answer.status in {200, 201, 202}
            and isinstance(answer.json, dict)
            and isinstance(answer.json.get("id"), str)
        ):
            self._made.append((answer.json["id"], key))
        return answer

    def lease(self, *, key: Credential = "main", **members: Any) -> dict[str, Any]:
        """A new lease as the answer tells it."""
        answer = self.order(key=key, **members)
        assert answer.status in {200, 201, 202}, f"a valid order was answered with {answer.status}: {answer.text[:200]}"
        return dict(answer.json)

    def read(self, lease: Mapping[str, Any], *, key: Credential = "main") -> Exchange:
        return self.ask.send("GET", at(LEASES, str(lease["id"])), key=key)

    def row(self, lease: Mapping[str, Any], *, key: Credential = "main") -> dict[str, Any]:
        answer = self.read(lease, key=key)
        assert answer.status == 200, f"a lease of one's own was answered with {answer.status}"
        return dict(answer.json)

    def rows(self, *, key: Credential = "main") -> list[dict[str, Any]]:
        return rows(self.ask.send("GET", f"/{LEASES}", key=key))

    def end(self, lease: Mapping[str, Any], *, key: Credential = "main") -> Exchange:
        return self.ask.send("DELETE", at(LEASES, str(lease["id"])), key=key)

    def mint(
        self, lease: Mapping[str, Any], held: Held | None = None, *, key: Credential = "main", **members: Any
    ) -> Exchange:
        """POST for a kubeconfig; `held` takes what it gives away."""
        taken = held or Held()
        taken.ask = self.ask
        path = at(LEASES, str(lease["id"]), "/kubeconfig")
        return self.ask.send("POST", path, json=members, key=key, secrets=taken.take)

    def settled(self, lease: Mapping[str, Any], *, key: Credential = "main") -> list[Mapping[str, Any]]:
        """Everything that was seen of it until it was set up."""
        return watched(self.ask, lambda: self.row(lease, key=key), lambda row: row.get("status") != "provisioning")

    def ended(self, lease: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Everything that was seen of it from its end on."""
        return watched(self.ask, lambda: self.row(lease), lambda row: row.get("status") == "terminated")

    def available(self, **members: Any) -> Exchange:
        """GET the availability of what the usual lease is of."""
        asked = {**self.usual, **members}
        return self.ask.send("GET", f"/forge/availability?{urlencode(body(asked))}")

    def free(self, **members: Any) -> int:
        answer = self.available(**members)
        assert answer.status == 200, f"the availability was answered with {answer.status}"
        return int(answer.json["available_count"])

    def clear(self) -> None:
        for lease, key in self._made:
            self.ask.send("DELETE", at(LEASES, lease), key=key)

    def running(self) -> dict[str, Any]:
        """A lease that is there already, or a new one. Raises NotObserved."""
        if "control" not in self.ask.target.capabilities() and (found := self._there()):
            return found
        made = self.lease(namespace_name="assay-checks")
        return {**self.settled(made)[-1], "id": made["id"]}  # what is read for an id may be another lease

    def _there(self) -> dict[str, Any] | None:
        return next((row for row in self.rows() if row.get("status") not in {*ENDED, "failed", "provisioning"}), None)


@dataclass
class Held:
    """What an answer gave away: read before the answer is kept, because what is kept has no key any more."""

    encoded: object = None
    ask: Ask | None = None
    taken: list[str] = field(default_factory=list)

    def take(self, answer: Exchange) -> Iterable[str]:
        self.encoded = answer.json.get("kubeconfig") if isinstance(answer.json, dict) else None
        self.taken = list(_keys(self.encoded))
        return self.taken

    def open(self) -> Kubeconfig:
        if self.ask is not None:
            self.ask.inside(str(self.encoded))
        try:
            return kubeconfig.read(self.encoded)
        except Unreadable as error:
            raise AssertionError(f"no client can use the kubeconfig: {error}") from None


def _keys(encoded: object) -> Iterable[str]:
    """Private keys as they stand in a kubeconfig; of one that cannot be read, all of it."""
    try:
        users = kubeconfig.document(encoded).get("users")
    except Unreadable:
        return [encoded] if isinstance(encoded, str) and len(encoded) < 20_000 else []
    found = [row.get("user") for row in users if isinstance(row, dict)] if isinstance(users, list) else []
    values = [user.get(name) for user in found if isinstance(user, dict) for name in ("client-key-data", "token")]
    return [value for value in values if isinstance(value, str)]


@dataclass(frozen=True)
class Minted:
    """A kubeconfig that was minted: the answer as it is kept, and what a client reads in it."""

    lease: Mapping[str, Any]
    answer: Exchange
    held: Held
    between: Any
    open: Callable[[], Kubeconfig]
