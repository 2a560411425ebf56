"""What a call should cost: listed prices times reported tokens, exact. It reads no balances; the suites do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from harness.judge import Problem, Problems, rule
from harness.judge.calls import lists_models
from harness.judge.catalogue import at, rows
from harness.judge.chat import content, indices, shown, token_count
from harness.wire.exchange import Exchange
from specs import Contract

NANO: Final = Decimal("1e-9")  # USD; the one rounding of a request may differ by this much
PER_MILLION: Final = Decimal(1_000_000)
LEAST_PER_MILLION: Final = Decimal("0.0005")  # a tenth of the cheapest offers known; a price per token is below it
FINEST, LARGEST = -40, 20  # powers of ten of a price: what lies outside is sent to make arithmetic fail
BYTES_PER_TOKEN: Final = 4  # what a fallback by bytes is expected to divide by


@dataclass(frozen=True)
class Price:
    """USD per million tokens, as the catalogue lists it."""

    prompt: Decimal
    completion: Decimal

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """USD of so many tokens, rounded once, half to even, to a nano-dollar."""
        exact = (self.prompt * prompt_tokens + self.completion * completion_tokens) / PER_MILLION
        return exact.quantize(NANO, ROUND_HALF_EVEN)


def amount(value: Any) -> Decimal | None:
    """A price off the wire: a JSON number that is not negative and that arithmetic can bear, or None."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        return None
    found = Decimal(value) or Decimal(0)
    exponent = found.as_tuple().exponent
    return found if isinstance(exponent, int) and exponent >= FINEST and found.adjusted() <= LARGEST else None


def price_of(row: Mapping[str, Any] | None, contract: Contract) -> Price | None:
    """The price in a row of the catalogue, None when it has none that can be read."""
    place = contract.trait("catalogue.price")
    prompt, completion = amount(at(row, place["prompt"])), amount(at(row, place["completion"]))
    return None if prompt is None or completion is None else Price(prompt, completion)


def cost_of(x: Exchange, price: Price) -> Decimal | None:
    """USD that the usage in an answer comes to, None when it reports none that can be reckoned with."""
    prompt, completion = token_count(x, "prompt_tokens"), token_count(x, "completion_tokens")
    try:
        return None if prompt is None or completion is None else price.cost(prompt, completion)
    except ArithmeticError:  # more digits than any money has
        return None


def delivered_bytes(x: Exchange) -> int:
    """UTF-8 bytes of the content that arrived, over all choices."""
    return sum(len(content(x, index).encode("utf-8", "replace")) for index in indices(x))


def fallback_tokens(size: int) -> int:
    """Tokens that a fallback is expected to make of so many bytes of content."""
    return -(-size // BYTES_PER_TOKEN)


@rule("VT-099", on=lists_models)
def prices_are_per_million(x: Exchange, contract: Contract) -> Problems:
    """No listed price is so small that it can only be a price per token."""
    for row in rows(x):
        price = price_of(row, contract)
        for kind, value in vars(price).items() if price else ():
            if 0 < value < LEAST_PER_MILLION:
                named = f"the {kind} price of {shown(row.get('id'), 80)} cannot be USD per million tokens"
                yield Problem(named, f"at least {LEAST_PER_MILLION}", f"{value:f}"[:80])
