"""Defects of the books: a balance that drifts, a journal that lies, costs that are stated wrongly."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

from mockserver.behaviours import billing, routes
from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.defects.endings import FEE, Usage, summed
from mockserver.gateway import Gateway
from mockserver.ledger import NANO, Charge
from mockserver.wire import number

# --- The balance ------------------------------------------------------------------------------------------------


@defect(breaks="BL-020", seen=("B28",))
def looks_at_the_balance_and_charges_later(gateway: Gateway) -> Gateway:
    """Looks whether there is enough and holds nothing, so that all who look at one time are served."""

    def reserve(call: Call, amount: int) -> bool:
        account = call.state.ledger.account(call.gateway.account_of(call))
        return account is not None and account.available >= amount and billing.reserve(call, 0)

    return replace(gateway, reserve=reserve)


@defect(breaks="BL-021")
def keeps_the_last_nano_dollar(gateway: Gateway) -> Gateway:
    """Refuses an account that has exactly what a request may cost."""

    def reserve(call: Call, amount: int) -> bool:
        account = call.state.ledger.account(call.gateway.account_of(call))
        return account is not None and account.available > amount and billing.reserve(call, amount)

    return replace(gateway, reserve=reserve)


@defect(breaks="BL-021", also=("VT-093",))
def lends_a_nano_dollar(gateway: Gateway) -> Gateway:
    """Serves an account that has a nano-dollar less than it holds for a request."""

    def reserve(call: Call, amount: int) -> bool:
        return billing.reserve(call, amount) or billing.reserve(call, amount - 1)

    return replace(gateway, reserve=reserve)


@defect(breaks=("BL-022", "BL-040"), also=("BL-030",), seen=("B89",))
def loses_a_charge_now_and_then(gateway: Gateway) -> Gateway:
    """Forgets to charge every seventeenth answer."""
    answers = itertools.count(1)

    def settle(call: Call, usage: Usage) -> None:
        if next(answers) % 17:
            gateway.settle(call, usage)
        else:
            billing.void_failed(call)

    return replace(gateway, settle_finished=settle)


@defect(breaks="BL-022", seen=("B76",))
def adds_a_nano_dollar_now_and_then(gateway: Gateway) -> Gateway:
    """Charges a nano-dollar too much for every fifth answer, which no single comparison with a tolerance shows."""
    answers = itertools.count(1)

    def charge(call: Call, usage: Usage) -> int:
        return billing.charge(call, usage) + (next(answers) % 5 == 0)

    return replace(gateway, charge=charge)


# --- The journal ------------------------------------------------------------------------------------------------


@defect(breaks="BL-030", also=("BL-031",), seen=("B40",))
def books_charges_under_other_ids(gateway: Gateway) -> Gateway:
    """Books every charge under an id that no answer shows."""

    def reply(call: Call, made: Reply) -> Reply:
        call.request_id = call.request_id[::-1]
        return made

    return replace(gateway, reply=reply)


@defect(
    breaks=("BL-031", "BL-040", "VT-091", "VC-120", "VC-121"),
    also=("VT-042", "VT-092", "VT-094", "VT-097", "BL-022"),
    seen=("B35",),
)
def books_every_charge_twice(gateway: Gateway) -> Gateway:
    """Writes two entries for one answer, each of the whole amount."""

    def settle(call: Call, usage: Usage) -> None:
        billing.settle(call, usage)
        charge, own = call.gateway.charge(call, usage), f"{call.request_id}-copy"
        if call.price is not None and call.state.ledger.reserve(own, call.gateway.account_of(call), charge):
            call.state.ledger.settle(own, charge, billing.use_of(call, usage))

    return replace(gateway, settle=settle)


@defect(breaks=("BL-031", "BL-040"), also=("BL-022", "VT-091"), seen=("B43",))
def books_requests_that_nobody_made(gateway: Gateway) -> Gateway:
    """Charges the caller for a request that was never made, with every eighth answer."""
    answers = itertools.count(1)

    def settle(call: Call, usage: Usage) -> None:
        gateway.settle(call, usage)
        if next(answers) % 8 == 0 and call.key is not None:
            ghost = f"req_{call.request_id[::-1]}"
            if call.state.ledger.reserve(ghost, call.key.account, FEE):
                call.state.ledger.settle(ghost, FEE)

    return replace(gateway, settle_finished=settle)


@defect(breaks="BL-032", also=("VT-097",))
def holds_twice_and_releases_once(gateway: Gateway) -> Gateway:
    """Opens a second hold for every stream and leaves it open."""

    def reserve(call: Call, amount: int) -> bool:
        if call.streams:
            call.state.ledger.reserve(f"{call.request_id}-second", call.gateway.account_of(call), 1)
        return billing.reserve(call, amount)

    return replace(gateway, reserve=reserve)


@defect(breaks="BL-033")
def books_other_counts_than_it_reports(gateway: Gateway) -> Gateway:
    """Writes the bound of an answer into the journal, and charges what was used."""

    def settle(call: Call, usage: Usage) -> None:
        call.settled = True
        if call.price is not None:
            told = billing.use_of(call, summed(usage["prompt_tokens"], call.max_tokens))
            call.state.ledger.settle(call.request_id, call.gateway.charge(call, usage), told)

    return replace(gateway, settle=settle)


@defect(breaks="BL-034", seen=("B26", "B44"))
def takes_money_without_an_entry(gateway: Gateway) -> Gateway:
    """Takes a fee for every answer off the balance and writes nothing down."""

    def settle(call: Call, usage: Usage) -> None:
        gateway.settle(call, usage)
        if call.key is not None:
            call.state.ledger.adjust(call.key.account, -3)

    return replace(gateway, settle_finished=settle)


# --- What is said about costs -----------------------------------------------------------------------------------


@defect(breaks="BL-041")
def states_costs_without_the_markup(gateway: Gateway) -> Gateway:
    """Says of each request what its provider took for it, and charges more."""

    def body(call: Call, charge: Charge) -> dict[str, Any]:
        bare = Decimal(charge.nano_usd) / call.state.traits.markup / NANO
        return {**routes.generation_body(call, charge), "total_cost": number(bare, 9)}

    return replace(gateway, generation_body=body)


@defect(breaks="BL-041", seen=("B71",))
def states_costs_in_hundredths_of_a_cent(gateway: Gateway) -> Gateway:
    """Rounds the cost of a request to a hundredth of a cent before it states it."""

    def body(call: Call, charge: Charge) -> dict[str, Any]:
        return {**routes.generation_body(call, charge), "total_cost": number(Decimal(charge.nano_usd) / NANO, 4)}

    return replace(gateway, generation_body=body)
