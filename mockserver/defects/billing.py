"""Defects of the bill: what is charged in the end, to whom, and what happens without usage or without money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from mockserver.behaviours import billing, completion, errors, routes
from mockserver.call import Call, Price
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.ledger import NANO
from mockserver.refusal import Refusal

Usage = dict[str, int]
Amount = Callable[[Call, Usage], int]
MICRO = 1000  # nano-USD
FLAT_TOKENS = 384
CHARGED = ("VT-042", "VT-092", "VT-094", "VT-097")  # whatever is charged wrongly is charged wrongly there too


def repriced(price: Price, change: Callable[[Decimal], Decimal]) -> Price:
    return Price(change(price.prompt), change(price.completion))


def honest(call: Call, row: Row) -> Price:
    """What should be listed and charged, whatever this gateway lists."""
    return repriced(row.upstream, lambda usd: usd * call.state.traits.markup)


def settling(amount: Amount) -> Callable[[Call, Usage], None]:
    """A settlement of another amount."""

    def settle(call: Call, usage: Usage) -> None:
        call.settled = True
        if call.price is not None:
            call.state.ledger.settle(call.request_id, amount(call, usage), billing.use_of(call, usage))

    return settle


def free(call: Call, usage: Usage) -> None:
    call.gateway.void_failed(call)


def whole_hold(call: Call, usage: Usage) -> int:
    return call.reserved


def streamed(gateway: Gateway, amount: Amount) -> Gateway:
    """Another amount for finished streams; other answers are charged as they should be."""
    return replace(
        gateway,
        settle_finished=settling(lambda call, usage: (amount if call.streams else billing.charge)(call, usage)),
    )


# --- What is charged ---------------------------------------------------------------------------------------------


@defect(breaks=("VT-091"), also=CHARGED)
def charges_the_markup_again(gateway: Gateway) -> Gateway:
    """Multiplies the listed price by the markup when it charges."""
    price = lambda call, row: repriced(honest(call, row), lambda usd: usd * call.state.traits.markup)  # noqa: E731
    return replace(gateway, price_of=price)


@defect(
    breaks=("VT-091"),
    also=(
        "VT-042",
        "VT-092",
        "VT-093",
        "VT-094",
        "VT-100",
    ),
)
def charges_the_providers_price(gateway: Gateway) -> Gateway:
    """Charges what the provider charges, without the listed markup."""
    return replace(gateway, price_of=lambda call, row: row.upstream)


@defect(breaks=("VT-091", "VC-120", "VC-121"), also=("VT-092",), seen=("B64",))
def charges_one_price_for_all_models(gateway: Gateway) -> Gateway:
    """Charges every model at the lowest price of the catalogue."""

    def price(call: Call, row: Row) -> Price:
        rows = call.state.catalogue.rows.values()
        return min((honest(call, other) for other in rows if other.confidential), key=lambda price: sum(price))

    return replace(gateway, price_of=price)


@defect(breaks=("VT-091", "VC-120", "VC-121"), also=CHARGED)
def charges_prompts_as_completions(gateway: Gateway) -> Gateway:
    """Charges every token at the price of a completion."""

    def cost(call: Call, prompt: int, completed: int) -> int:
        return billing.cost(call, 0, prompt + completed)

    return replace(gateway, cost=cost)


@defect(breaks=("VT-091", "VC-121"))
def bills_one_choice_of_several(gateway: Gateway) -> Gateway:
    """Charges the completion tokens of one choice, however many were asked for."""

    def charge(call: Call, usage: Usage) -> int:
        choices = call.gateway.choices_of(call.body)
        return call.gateway.cost(call, usage["prompt_tokens"], usage["completion_tokens"] // choices)

    return replace(gateway, charge=charge)


@defect(breaks=("VT-091", "VC-120", "VC-121"), also=CHARGED, seen=("B73",))
def rounds_every_charge_up(gateway: Gateway) -> Gateway:
    """Rounds each charge up to a whole micro-dollar."""
    return replace(
        gateway, round_nano=lambda nano: int((nano / MICRO).to_integral_value(rounding=ROUND_CEILING)) * MICRO
    )


@defect(
    breaks=("VT-091", "VC-120", "VC-121"),
    also=(
        "VT-042",
        "VT-092",
        "VT-093",
        "VT-094",
        "VT-095",
        "VT-098",
        "VT-100",
    ),
    seen=("B71",),
)
def drops_fractions_of_a_cent(gateway: Gateway) -> Gateway:
    """Rounds each charge down to whole cents, so that small calls are free."""
    return replace(gateway, charge=lambda call, usage: billing.charge(call, usage) // (NANO // 100) * (NANO // 100))


@defect(
    breaks=("VT-091", "VC-120", "VC-121"),
    also=(
        "VT-042",
        "VT-097",
    ),
    seen=("B70",),
)
def charges_a_minimum(gateway: Gateway) -> Gateway:
    """Charges at least ten micro-dollars for any call."""
    return replace(gateway, charge=lambda call, usage: max(10 * MICRO, billing.charge(call, usage)))


@defect(breaks=("VT-091", "VC-120", "VC-121"), also=("VT-094", "VT-097", "VT-092"), seen=("B13", "B35"))
def bills_streams_twice(gateway: Gateway) -> Gateway:
    """Charges a stream for its usage chunk and once more for its end."""
    return streamed(gateway, lambda call, usage: 2 * billing.charge(call, usage))


@defect(
    breaks=("VT-091", "VC-120", "VC-121"),
    also=(
        "VT-092",
        "VT-093",
        "VT-094",
    ),
    seen=("B22",),
)
def forgets_the_prompt_of_a_stream(gateway: Gateway) -> Gateway:
    """Charges a stream for its completion tokens only."""
    return streamed(gateway, lambda call, usage: call.gateway.cost(call, 0, usage["completion_tokens"]))


@defect(
    breaks=("VT-091", "VT-100", "VC-120", "VC-121", "VC-122"),
    also=(
        "VT-092",
        "VT-093",
        "VT-094",
        "VT-095",
    ),
    seen=("B11",),
)
def gives_streams_away(gateway: Gateway) -> Gateway:
    """Charges nothing for a stream."""
    return streamed(gateway, lambda call, usage: 0)


@defect(
    breaks=("VT-100", "VC-122"),
    also=(
        "VT-042",
        "VT-091",
        "VT-092",
        "VT-093",
        "VT-094",
        "VT-095",
        "VT-098",
    ),
)
def debits_once_a_month(gateway: Gateway) -> Gateway:
    """Releases the hold of a call and leaves the charge to an invoice."""
    return replace(gateway, settle=free)


@defect(breaks=("VT-100", "VC-122"))
def shows_an_old_balance(gateway: Gateway) -> Gateway:
    """Answers every question for a balance with the one that was asked for first."""
    first: dict[str, int] = {}

    def balance(call: Call) -> int:
        return first.setdefault(call.gateway.account_of(call), routes.balance_of(call))

    return replace(gateway, balance_of=balance)


@defect(breaks=("VT-100"), seen=("B01", "B08"))
def refunds_clients_that_leave(gateway: Gateway) -> Gateway:
    """Charges nothing for a stream whose client closes the connection."""
    return replace(gateway, settle_aborted=free)


# --- Whose money -------------------------------------------------------------------------------------------------


@defect(breaks="VT-042")
def gives_each_key_its_own_purse(gateway: Gateway) -> Gateway:
    """Bills the second key of an account to an account of its own."""
    owner: dict[str, str] = {}

    def account(call: Call) -> str:
        assert call.key is not None
        if owner.setdefault(call.key.account, call.key.key_id) == call.key.key_id:
            return call.key.account
        own = f"{call.key.account}/{call.key.key_id}"
        call.state.ledger.open_account(own, 5 * NANO)
        return own

    return replace(gateway, account_of=account)


@defect(
    breaks="VT-042",
    also=(
        "OC-045",
        "VT-042",
        "VT-058",
        "VT-077",
        "VT-092",
        "VT-093",
        "VT-095",
        "VT-098",
        "VT-100",
        "VT-101",
    ),
)
def bills_the_previous_caller(gateway: Gateway) -> Gateway:
    """Takes the money of each call from the account that called before."""
    last: list[str] = []

    def reserve(call: Call, amount: int) -> bool:
        assert call.key is not None
        last.append(call.key.account)
        return call.state.ledger.reserve(call.request_id, last[max(0, len(last) - 2)], amount)

    return replace(gateway, reserve=reserve)


# --- When the provider falls short -------------------------------------------------------------------------------


def without_usage(gateway: Gateway, instead: Callable[[Call], Usage]) -> Gateway:
    """Another count where the provider reports none."""
    return replace(gateway, usage_of=lambda call, usage: instead(call) if usage is None else usage)


def counted(prompt: int, completed: int) -> Usage:
    return {"prompt_tokens": prompt, "completion_tokens": completed, "total_tokens": prompt + completed}


@defect(breaks="VT-095", seen=("B08",))
def gives_uncounted_streams_away(gateway: Gateway) -> Gateway:
    """Charges nothing when the provider reports no usage."""
    return without_usage(gateway, lambda call: counted(0, 0))


@defect(breaks="VT-095", seen=("B19",))
def bills_uncounted_streams_flat(gateway: Gateway) -> Gateway:
    """Charges the same number of tokens for every stream without usage."""
    return without_usage(gateway, lambda call: counted(call.prompt_tokens, FLAT_TOKENS))


@defect(breaks="VT-095")
def bills_uncounted_streams_by_their_bound(gateway: Gateway) -> Gateway:
    """Charges the most tokens that a stream could have had when its usage is missing."""
    return without_usage(gateway, lambda call: counted(call.prompt_tokens, call.max_tokens))


@defect(breaks="VT-095")
def bills_the_bytes_of_the_frames(gateway: Gateway) -> Gateway:
    """Counts the JSON around the content when the provider reports no usage."""
    return without_usage(gateway, lambda call: counted(call.prompt_tokens, call.delivered * 20))


@defect(breaks="VT-098", seen=("B08", "B22"))
def gives_dropped_streams_away(gateway: Gateway) -> Gateway:
    """Charges nothing for a stream that the provider breaks off."""
    return replace(gateway, settle_dropped=free)


@defect(breaks="VT-098", seen=("B19",))
def bills_dropped_streams_in_full(gateway: Gateway) -> Gateway:
    """Charges all that was held for a stream that the provider breaks off."""
    return replace(gateway, settle_dropped=settling(whole_hold))


@defect(breaks="VT-098", seen=("B68",))
def bills_failed_calls(gateway: Gateway) -> Gateway:
    """Charges the prompt of a call that the provider never answered."""

    def charge(call: Call) -> None:
        settling(lambda call, usage: billing.charge(call, usage))(call, counted(call.prompt_tokens, 0))

    return replace(gateway, void_failed=charge)


# --- No money ----------------------------------------------------------------------------------------------------


@defect(breaks="VT-101")
def asks_the_provider_before_the_balance(gateway: Gateway) -> Gateway:
    """Sends a prompt upstream before it finds that the account cannot pay."""

    def refuse(call: Call) -> Refusal:
        completion.start_upstream(call).abort()
        return errors.insufficient_balance(call)

    return replace(gateway, refuse_insufficient=refuse)


@defect(breaks="VT-101", also=("VT-077", "VT-093"))
def streams_on_credit(gateway: Gateway) -> Gateway:
    """Serves a stream whatever the balance is."""
    return replace(gateway, reserve=lambda call, amount: billing.reserve(call, amount) or call.streams)


@defect(breaks="VT-101", also=("VT-093",), seen=("B32",))
def serves_down_to_the_last_cent(gateway: Gateway) -> Gateway:
    """Refuses an empty account only, and lets any other go below zero."""

    def reserve(call: Call, amount: int) -> bool:
        account = call.state.ledger.account(call.gateway.account_of(call))
        held = min(amount, account.available) if account else 0
        return held > 0 and billing.reserve(call, held)

    return replace(gateway, reserve=reserve)
