"""What a run may spend: reserved before a request is sent, settled by what came back. Never above the cap."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from harness.target import Target
from harness.wire.exchange import Exchange, TargetFault
from specs import Contract

Price = tuple[Decimal, Decimal]  # USD per million prompt tokens and per million completion tokens

DEFAULT_MAX_TOKENS = 1024  # what an answer may cost when neither request nor contract bounds it
CEILING = 32_768  # tokens of one completion: no model writes the billion tokens that a hostile request asks for
_MILLION = Decimal(1_000_000)
PICO = Decimal("1e-12")  # USD; shares of a reserve have no end


class BudgetExceeded(TargetFault):
    """The next request might cost more than the cap leaves. Nothing was sent."""


@dataclass(frozen=True)
class Reservation:
    price: Price
    usd: Decimal
    calls: int = 1


class Budget:
    """A cap in USD over all requests of a run. Thread-safe."""

    def __init__(
        self,
        cap: Decimal,
        price_of: Callable[[str], Price | None] = lambda _model: None,
        assumed: Decimal = Decimal(20),
        default_max_tokens: int | None = None,
        context_of: Callable[[str], int | None] = lambda _model: None,
    ) -> None:
        self.cap, self.price_of, self.context_of, self.assumed = cap, price_of, context_of, assumed
        self.default_max_tokens = default_max_tokens or DEFAULT_MAX_TOKENS
        self.spent = Decimal(0)  # settled, USD
        self.reserved = Decimal(0)
        self.calls = 0
        self.estimated_usd, self.estimated_calls = Decimal(0), 0
        self._lock = threading.Lock()

    @classmethod
    def for_target(cls, cap: Decimal, target: Target, contract: Contract) -> Budget:
        """The budget that target and contract call for; `Ask` gives it the prices of the catalogue."""
        assumed = target.spend.assumed_usd_per_million_tokens
        return cls(cap, assumed=assumed, default_max_tokens=contract.trait("chat.default_max_tokens", None))

    def reserve(self, body: bytes, calls: int = 1) -> Reservation:
        """Set aside the most that this request can cost, `calls` times. Raises BudgetExceeded above the cap."""
        price, each = self.bound(body)
        return self.set_aside(price, each * calls, calls)

    def set_aside(self, price: Price, usd: Decimal, calls: int) -> Reservation:
        """The same for requests whose bounds were added up. Raises BudgetExceeded above the cap."""
        with self._lock:
            if self.spent + self.reserved + usd > self.cap:
                left, asked = self.cap - self.spent - self.reserved, "request" if calls == 1 else f"{calls} requests"
                raise BudgetExceeded(f"the {asked} may cost {usd:.6f} USD and the spend cap leaves {left:.6f} USD")
            self.reserved += usd
            self.calls += calls
        return Reservation(price, usd, calls)

    def release(self, reservation: Reservation) -> None:
        """Undo a reservation whose request was not sent."""
        with self._lock:
            self.reserved -= reservation.usd
            self.calls -= reservation.calls

    def settle(self, reservation: Reservation, exchange: Exchange) -> None:
        """Replace the reservation by what the answer says it cost; unknown usage keeps the reserve."""
        usd = _cost(reservation, exchange)
        with self._lock:
            self.reserved -= reservation.usd
            self.spent += usd

    def settle_many(self, reservation: Reservation, calls: int, prompt: int, completion: int, unknown: int) -> None:
        """Settle several requests at once: how many were sent, the tokens they reported, how many reported none."""
        each = reservation.usd / reservation.calls
        usd = min(reservation.usd, _usd(reservation.price, prompt, completion) + unknown * each)
        with self._lock:
            self.reserved -= reservation.usd
            self.spent += usd
            self.calls += calls - reservation.calls

    def affordable(self, body: bytes) -> int | None:
        """How often this request can be sent within what the cap leaves; None when it costs nothing."""
        _, each = self.bound(body)
        with self._lock:
            return int((self.cap - self.spent - self.reserved) // each) if each else None

    def absorb(self, usd: Decimal, calls: int) -> None:
        """Count what another process of the same run has spent."""
        with self._lock:
            self.spent += usd
            self.calls += calls

    def estimate(self, usd: Decimal, calls: int) -> None:
        """Note what the plan foresaw; the results show it beside what was spent."""
        self.estimated_usd, self.estimated_calls = usd, calls

    def summary(self) -> dict[str, str | int]:
        """`spend` of results.json. What was reserved and never settled counts as spent."""
        return {
            "usd": f"{(self.spent + self.reserved).quantize(PICO).normalize():f}",
            "cap_usd": f"{self.cap:f}",
            "calls": self.calls,
            "estimated_usd": f"{self.estimated_usd:f}",
            "estimated_calls": self.estimated_calls,
        }

    def prices(self, model: str | None) -> tuple[Decimal, Decimal, str]:
        """USD per million prompt and completion tokens, and where the figures come from."""
        listed = self.price_of(model) if model is not None else None
        if listed is None:
            return self.assumed, self.assumed, f"assumed {self.assumed} USD per million tokens: no price is listed"
        return *listed, f"the catalogue's price of {model}"

    def bound(self, body: bytes) -> tuple[Price, Decimal]:
        """Price and upper bound of one request: a token for three bytes of body, and all completion tokens allowed.

        Neither can be more than the model's context holds, however large the body is.
        """
        if not body:
            return (Decimal(0), Decimal(0)), Decimal(0)
        asked = _object(body)
        model = asked["model"] if isinstance(asked.get("model"), str) else ""
        price = self.price_of(model) or (self.assumed, self.assumed)
        given = (_count(asked.get(name)) for name in ("max_completion_tokens", "max_tokens"))
        limit = next((tokens for tokens in given if tokens), self.default_max_tokens)
        prompt, context = -(-_size(asked, body) // 3) + 16, self.context_of(model)
        if context is not None:
            prompt, limit = min(prompt, context), min(limit, context)
        return price, _usd(price, prompt, min(limit, CEILING) * min(_count(asked.get("n")) or 1, 128))


def _cost(reservation: Reservation, exchange: Exchange) -> Decimal:
    """What the answer says it cost, at most the reserve: a wrong usage is a finding and must not end the run."""
    never_sent = exchange.fault is not None and exchange.fault.kind in {"connect", "tls"}
    if never_sent or (exchange.head_status or 200) >= 300:
        return Decimal(0)
    for document in _documents(exchange) if exchange.complete else ():
        usage = document.get("usage") if isinstance(document, dict) else None
        if isinstance(usage, dict) and (counted := _counted(usage)) is not None:
            return min(reservation.usd, _usd(reservation.price, *counted))
    return reservation.usd


def _counted(usage: dict[str, Any]) -> tuple[int, int] | None:
    """Tokens in and out, under either of their names; an embedding tells only those that went in and all."""
    prompt, completion, total = (
        next((found for name in names if (found := _count(usage.get(name))) is not None), None)
        for names in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"), ("total_tokens",))
    )
    if prompt is not None and completion is None and total is not None:
        completion = max(0, total - prompt)
    return None if prompt is None or completion is None else (prompt, completion)


def _documents(exchange: Exchange) -> Iterable[Any]:
    """The answer's JSON documents, the last one first: that is where a stream carries its usage."""
    if not exchange.is_stream:
        try:
            return [exchange.json]
        except TargetFault:
            return []
    return (_object(event.data.encode()) for event in reversed(exchange.events) if event.data)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.rstrip())  # an oversized body may be white space to its end
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _size(asked: dict[str, Any], body: bytes) -> int:
    """Bytes that can become tokens: white space around the members of a JSON object cannot, nor a run of it."""
    return min(len(body), len(json.dumps(asked, separators=(",", ":"))) if asked else len(b" ".join(body.split())))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _usd(price: Price, prompt: int, completion: int) -> Decimal:
    return (price[0] * prompt + price[1] * completion) / _MILLION
