"""Where a target shows its balance, its costs and its attestation evidence: reads that no contract describes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from harness.target import BalancePoint, CostPoint, EvidencePoint
from harness.wire.exchange import Exchange, TargetFault
from harness.wire.pointer import each_pointed, pointed

if TYPE_CHECKING:
    from harness.asking.control import Key

UNITS = {"usd": Decimal(1), "usd_cents": Decimal("0.01"), "nano_usd": Decimal("1e-9")}
FINEST, LARGEST = -40, 20  # powers of ten of an amount: what lies outside is sent to make arithmetic fail
READS = 8  # of the balance while it drains


class Get(Protocol):
    """URL and role in, the exchange out."""

    def __call__(self, url: str, role: str, *, key: str | Key | None = "main") -> Exchange: ...


class BalanceSource:
    """The available balance of the main key's account."""

    def __init__(self, point: BalancePoint, get: Get) -> None:
        self._point, self._get = point, get
        self.account = point.account

    def read(self) -> Decimal:
        """The balance in USD, exact. Raises TargetFault when the answer holds none."""
        found = self._get(self._point.url, "balance")
        if found.status != 200:
            raise TargetFault(f"the balance endpoint answered {found.status}", found.id)
        if (value := amount(pointed(found.json, self._point.pointer))) is None:
            raise TargetFault(f"the balance endpoint has no number at {self._point.pointer}", found.id)
        return value * UNITS[self._point.unit]

    def settled(self) -> Decimal:
        """The balance once two reads agree. Raises TargetFault when none do within `drain_s`."""
        pause = self._point.drain_s / READS
        before = self.read()
        for _ in range(READS):
            time.sleep(pause)
            now = self.read()
            if now == before:
                return now
            before = now
        raise TargetFault(f"the balance was still moving after {self._point.drain_s:g} s")


class CostSource:
    """What the deployment says that requests cost: entries as a journal of money has them."""

    def __init__(self, point: CostPoint, get: Get) -> None:
        self.point, self._get = point, get

    def entries(self, answers: Iterable[Exchange]) -> Iterator[dict[str, Any]]:
        """A charge for each answer for which one is stated. Raises TargetFault for a lookup that is not answered."""
        for answer in answers:
            if (stated := self._stated(answer)) is not None:
                yield self._entry(answer, stated)

    def total(self) -> Decimal:
        """USD that all requests of the key came to until now. Raises TargetFault."""
        assert self.point.url is not None
        return self._read(self.point.url)

    def _stated(self, answer: Exchange) -> Decimal | None:
        """USD, None where this answer states no cost, as a stream does not in its head."""
        if self.point.source == "header":
            found = amount(answer.header(self.point.header or ""))
            return None if found is None else found * UNITS[self.point.unit]
        assert self.point.url is not None
        return self._read(self.point.url.replace("{id}", quote(self.id_of(answer), safe="")))

    def id_of(self, answer: Exchange) -> str:
        """The id that the deployment knows the request by. Raises TargetFault."""
        in_body = [document.get("id") for document in (answer.json, *answer.documents) if isinstance(document, dict)]
        given = [answer.header("x-request-id")] if self.point.id == "request" else in_body
        if not (found := next((value for value in given if isinstance(value, str) and value), None)):
            raise TargetFault(f"an answer shows no {self.point.id} id to ask its cost by", answer.id)
        return found

    def _read(self, url: str) -> Decimal:
        found = self._get(url, "costs")
        if found.status != 200:
            raise TargetFault(f"the endpoint of costs answered {found.status}", found.id)
        values = [amount(value) for value in each_pointed(found.json, self.point.pointer or "")]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            raise TargetFault(f"the endpoint of costs has no number at {self.point.pointer}", found.id)
        return sum(known, Decimal(0)) * UNITS[self.point.unit]

    def _entry(self, answer: Exchange, usd: Decimal) -> dict[str, Any]:
        nano = int((usd / UNITS["nano_usd"]).to_integral_value(ROUND_HALF_EVEN))
        charge = {"request_id": answer.header("x-request-id"), "at": answer.started, "kind": "charge", "nano_usd": nano}
        return {**charge, "account": "", "model": None, "prompt_tokens": None, "completion_tokens": None}


class EvidenceSource:
    """The attestation evidence of a model, in the format that the target names."""

    def __init__(self, point: EvidencePoint, get: Get) -> None:
        self._point, self._get = point, get
        self.format = point.format
        self.test_roots = point.test_roots
        self.gpus = point.gpus
        self.policy = point.policy

    @property
    def trust(self) -> Path | None:
        """Folder of root.der and collateral.json; None means Intel's own."""
        return self._point.trust

    def fetch(self, model: str, nonce: bytes, *, algo: str = "ecdsa", key: str | Key | None = "main") -> Exchange:
        """Fresh evidence bound to the nonce, by a signing key of that kind."""
        return self.ask({"model": model, "nonce": nonce.hex(), "signing_algo": algo}, key=key)

    def ask(self, query: Mapping[str, str], *, key: str | Key | None = "main") -> Exchange:
        """What the endpoint says to these parameters, sensible or not."""
        return self._get(f"{self._point.url}?{urlencode(query, errors='replace')}", "evidence", key=key)


def amount(value: Any) -> Decimal | None:
    """A number that can be money: finite, and of a size that arithmetic can bear. None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        found = Decimal(value)
    except (ArithmeticError, ValueError):
        return None
    if not found:
        return Decimal(0)
    exponent = found.as_tuple().exponent
    return found if isinstance(exponent, int) and exponent >= FINEST and found.adjusted() <= LARGEST else None
