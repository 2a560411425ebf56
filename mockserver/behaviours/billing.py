"""What a call costs: listed price times tokens, rounded half-even to nano-USD once, when it is settled."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from mockserver.call import Price
from mockserver.ledger import Use

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.catalogue import Row

NANO_PER_MICRO = 1000  # USD per million tokens is micro-USD per token; a micro-USD is 1000 nano-USD


def listed_price(call: Call, row: Row) -> Price:
    """USD per million tokens as the catalogue shows it: the provider's price times the markup."""
    markup, price = call.gateway.markup_of(call), row.tiers.get(call.tier or "", row.upstream)
    return Price(price.prompt * markup, price.completion * markup)


def markup_of(call: Call) -> Decimal:
    return call.state.traits.markup


def price_of(call: Call, row: Row) -> Price:
    """The price that a call is charged at: the listed one, as it is when the call is admitted."""
    return call.gateway.listed_price(call, row)


def round_nano(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_EVEN))


def estimate(call: Call) -> int:
    """Nano-USD to hold: the counted prompt and as many tokens as every choice may have."""
    choices = call.gateway.choices_of(call.body)
    return call.gateway.cost(call, call.prompt_tokens, choices * call.max_tokens)


def cost(call: Call, prompt: int, completion: int) -> int:
    """Nano-USD of a number of tokens, rounded once."""
    price = call.price
    assert price is not None
    return call.gateway.round_nano(NANO_PER_MICRO * (prompt * price.prompt + completion * price.completion))


def charge(call: Call, usage: dict[str, int]) -> int:
    """Nano-USD that a usage costs."""
    return call.gateway.cost(call, usage["prompt_tokens"], usage["completion_tokens"])


def reserve(call: Call, amount: int) -> bool:
    """Hold the amount; False when the account does not have it."""
    return call.state.ledger.reserve(call.request_id, call.gateway.account_of(call), amount)


def settle(call: Call, usage: dict[str, int]) -> None:
    """Charge the hold of this call and release the rest."""
    call.settled, call.usage = True, usage
    call.used[call.row.kind if call.row else "chat"] = usage["total_tokens"]
    if call.price is not None:
        call.state.ledger.settle(call.request_id, call.gateway.charge(call, usage), use_of(call, usage))


def use_of(call: Call, usage: dict[str, int]) -> Use:
    """What the ledger remembers beside the amount."""
    return Use(call.model, usage["prompt_tokens"], usage["completion_tokens"])


def settle_finished(call: Call, usage: dict[str, int]) -> None:
    """A complete answer: its usage."""
    call.gateway.settle(call, usage)


def settle_aborted(call: Call, usage: dict[str, int]) -> None:
    """The client left: what was generated until then."""
    call.gateway.settle(call, usage)


def settle_dropped(call: Call, usage: dict[str, int]) -> None:
    """The provider went away mid-stream: what was delivered."""
    call.gateway.settle(call, usage)


def void_failed(call: Call) -> None:
    """The provider failed before its first byte: nothing is charged."""
    call.settled = True
    if call.price is not None:
        call.state.ledger.void(call.request_id)
