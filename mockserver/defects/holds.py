"""Defects of money that is held: too little, too much, too long."""

from __future__ import annotations

from dataclasses import replace

from mockserver.behaviours import billing
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.billing import Usage, settling, streamed, whole_hold
from mockserver.gateway import Gateway

# --- What is held ------------------------------------------------------------------------------------------------


@defect(breaks="VT-093", also=("VT-077", "VT-101"))
def holds_nothing(gateway: Gateway) -> Gateway:
    """Opens streams without holding any money for them."""
    return replace(gateway, estimate=lambda call: 0)


@defect(breaks="VT-093", also=("VT-101",), seen=("B32",))
def asks_only_whether_there_is_money(gateway: Gateway) -> Gateway:
    """Serves every account with a balance above zero, and holds nothing."""

    def reserve(call: Call, amount: int) -> bool:
        account = call.state.ledger.account(call.gateway.account_of(call))
        return account is not None and account.available > 0 and billing.reserve(call, 0)

    return replace(gateway, reserve=reserve)


@defect(breaks="VT-093")
def holds_the_output_only(gateway: Gateway) -> Gateway:
    """Holds the longest possible answer and forgets the prompt."""
    return replace(gateway, estimate=lambda call: call.gateway.cost(call, 0, call.max_tokens))


@defect(breaks="VT-093")
def holds_money_for_one_token(gateway: Gateway) -> Gateway:
    """Holds the price of one token, whatever the request is."""
    return replace(gateway, estimate=lambda call: call.gateway.cost(call, 0, 1))


# --- What is settled ---------------------------------------------------------------------------------------------


@defect(
    breaks="VT-094",
    also=(
        "VT-091",
        "VT-092",
        "VT-095",
    ),
    seen=("B19",),
)
def keeps_the_estimate(gateway: Gateway) -> Gateway:
    """Charges what was held for a stream, whatever its usage is."""
    return streamed(gateway, whole_hold)


@defect(
    breaks="VT-094",
    also=(
        "VT-091",
        "VT-092",
        "VT-095",
    ),
)
def keeps_half_of_the_rest(gateway: Gateway) -> Gateway:
    """Releases half of what a stream did not use."""

    def charge(call: Call, usage: Usage) -> int:
        due = billing.charge(call, usage)
        return due + (call.reserved - due) // 2

    return streamed(gateway, charge)


@defect(
    breaks="VT-097",
    also=(
        "VT-042",
        "VT-091",
        "VT-092",
        "VT-094",
        "VT-095",
        "VT-098",
    ),
)
def never_releases_a_hold(gateway: Gateway) -> Gateway:
    """Charges a call beside its hold, which stays."""

    def settle(call: Call, usage: Usage) -> None:
        call.settled = True
        own, amount = call.request_id + "-charge", call.gateway.charge(call, usage)
        if call.state.ledger.reserve(own, call.gateway.account_of(call), amount):
            call.state.ledger.settle(own, amount)

    return replace(gateway, settle=settle)


@defect(breaks="VT-097", seen=("B07",))
def leaves_abandoned_streams_open(gateway: Gateway) -> Gateway:
    """Keeps the hold of a stream whose client has left."""

    def keep(call: Call, usage: Usage) -> None:
        call.settled = True

    return replace(gateway, settle_aborted=keep)


@defect(breaks="VT-097")
def bills_the_estimate_to_clients_that_leave(gateway: Gateway) -> Gateway:
    """Charges all that was held when a client closes the connection."""
    return replace(gateway, settle_aborted=settling(whole_hold))
