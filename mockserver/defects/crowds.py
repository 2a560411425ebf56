"""Defects that show only in a large load, by its numbers or because many requests are live: answers, bill, recovery."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

from mockserver.behaviours import completion
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.load import DONE, Floor, Frames
from mockserver.gateway import Gateway, Usage
from mockserver.refusal import Refusal
from mockserver.upstream import Generation

CROWD = 4  # live requests from which on a gateway counts as crowded


# --- One in so many --------------------------------------------------------------------------------------------


@defect("LD-001")
def loses_one_usage_in_a_thousand(gateway: Gateway) -> Gateway:
    """Sends no usage chunk to every thousandth stream."""
    ends = itertools.count(1)

    def lost(call: Call, envelope: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if next(ends) % 1000 == 0 else gateway.usage_chunk(call, envelope, usage)

    return replace(gateway, usage_chunk=lost)


@defect("LD-002")
def forgets_one_end_in_three_hundred(gateway: Gateway) -> Gateway:
    """Closes every three hundredth stream without [DONE]."""
    begun = itertools.count(1)

    async def endless(call: Call, frames: Frames) -> Frames:
        is_chosen = next(begun) % 300 == 0
        async for frame in frames:
            if frame != DONE or not is_chosen:
                yield frame

    return replace(gateway, frames=endless)


@defect("LD-003")
def fails_one_request_in_three_hundred(gateway: Gateway) -> Gateway:
    """Answers 500 to every three hundredth chat request."""
    begun = itertools.count(1)

    async def admit(call: Call) -> None:
        if next(begun) % 300 == 0:
            raise gateway.refuse_internal(call)

    return replace(gateway, chat_steps=(admit, *gateway.chat_steps))


@defect("LD-004")
def uses_ids_again_after_five_hundred(gateway: Gateway) -> Gateway:
    """Numbers its answers from a counter of five hundred."""
    begun = itertools.count()
    return replace(gateway, completion_id=lambda call: f"chatcmpl-{next(begun) % 500:024x}")


# --- Answers of a mixed load -----------------------------------------------------------------------------------


@defect("LD-005")
def adds_totals_wrong_when_crowded(gateway: Gateway) -> Gateway:
    """Reports one token too many in all to an answer in one piece while others are live."""
    floor = Floor()

    def wrong(call: Call, usage: Usage) -> dict[str, Any] | None:
        told = gateway.reported_usage(call, usage)
        return {**told, "total_tokens": told["total_tokens"] + 1} if told and floor.is_crowded(CROWD) else told

    return replace(floor.watched(gateway), reported_usage=wrong)


@defect("LD-005")
def calls_answers_chunks_when_crowded(gateway: Gateway) -> Gateway:
    """Gives an answer in one piece the object of a chunk while others are live."""
    floor = Floor()

    def mistaken(call: Call, document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "object": "chat.completion.chunk"} if floor.is_crowded(CROWD) else document

    return replace(floor.watched(gateway), completed=mistaken)


# --- The bill --------------------------------------------------------------------------------------------------


@defect("LD-010")
def charges_twice_as_much_when_crowded(gateway: Gateway) -> Gateway:
    """Charges a request twice what it comes to while others are live."""
    floor = Floor()

    def double(call: Call, usage: Usage) -> int:
        return gateway.charge(call, usage) * (2 if floor.is_crowded(CROWD) else 1)

    return replace(floor.watched(gateway), charge=double)


@defect("LD-010")
def forgets_one_charge_in_three_hundred(gateway: Gateway) -> Gateway:
    """Releases the hold of every three hundredth request that was answered, and charges nothing."""
    ends = itertools.count(1)

    def forgetful(call: Call, usage: Usage) -> None:
        if next(ends) % 300 == 0:
            gateway.void_failed(call)
        else:
            gateway.settle_finished(call, usage)

    return replace(gateway, settle_finished=forgetful)


@defect("LD-010")
def charges_a_retry_as_well_when_crowded(gateway: Gateway) -> Gateway:
    """Charges a request a second time, under an id of its own, while others are live."""
    floor = Floor()

    def twice(call: Call, usage: Usage) -> None:
        gateway.settle_finished(call, usage)
        if floor.is_crowded(CROWD) and call.price is not None:
            retry, amount = f"{call.request_id}_2", gateway.charge(call, usage)
            if call.state.ledger.reserve(retry, gateway.account_of(call), amount):
                call.state.ledger.settle(retry, amount)

    return replace(floor.watched(gateway), settle_finished=twice)


@defect("LD-011")
def keeps_holds_of_clients_that_left(gateway: Gateway) -> Gateway:
    """Never releases what was held for a stream whose client left while others were live."""
    floor = Floor()

    def leak(call: Call, usage: Usage) -> None:
        if not floor.is_crowded(CROWD):
            gateway.settle_aborted(call, usage)

    return replace(floor.watched(gateway), settle_aborted=leak)


@defect("LD-012")
def asks_the_provider_twice_when_crowded(gateway: Gateway) -> Gateway:
    """Hedges: while others are live it starts each generation twice and throws one of them away."""
    floor = Floor()
    watched = floor.watched(gateway)

    def hedged(call: Call) -> Generation:
        if floor.is_crowded(CROWD):
            gateway.start_upstream(call).abort()
        return watched.start_upstream(call)

    return replace(watched, start_upstream=hedged)


@defect("LD-013")
def works_on_for_clients_that_left_a_crowd(gateway: Gateway) -> Gateway:
    """Lets the provider go on when a client leaves while others are live."""
    floor = Floor()

    def go_on(generation: Generation) -> None:
        if not floor.is_crowded(CROWD):
            gateway.on_disconnect(generation)

    return replace(floor.watched(gateway), on_disconnect=go_on)


@defect("LD-014", also=("LD-010",))
def charges_a_neighbour_when_crowded(gateway: Gateway) -> Gateway:
    """Takes the money of a request from the account of another one that is live."""
    floor = Floor()

    def neighbour(call: Call) -> str:
        others = [other for other in floor.live.values() if other.key is not None]
        return gateway.account_of(others[0] if len(others) >= CROWD else call)

    return replace(floor.watched(gateway), account_of=neighbour)


# --- Recovery --------------------------------------------------------------------------------------------------


@defect("LD-015", also=("LD-003",))
def leaks_a_slot_per_abort(gateway: Gateway) -> Gateway:
    """Has thirty places for streams, and takes back none of a client that left."""
    lost: list[str] = []

    def leak(call: Call, usage: Usage) -> None:
        lost.append(call.request_id)
        gateway.settle_aborted(call, usage)

    async def admit(call: Call) -> None:
        if len(lost) >= 30:
            raise Refusal(503, "overloaded", "All places are taken.", "server_error")

    return replace(gateway, settle_aborted=leak, chat_steps=(admit, *gateway.chat_steps))


@defect("LD-015")
def wears_out(gateway: Gateway) -> Gateway:
    """Answers nothing but 500 once it has given some fourteen hundred answers, as one that has used up its memory."""
    begun = itertools.count(1)

    def worn(call: Call) -> str:
        if next(begun) > 1380:
            raise gateway.refuse_internal(call)
        return completion.completion_id(call)

    return replace(gateway, completion_id=worn)


@defect("LD-016")
def grows_slower_with_every_request(gateway: Gateway) -> Gateway:
    """Keeps a record of every request, and reads all of them before it answers the next one."""
    begun = itertools.count()

    async def admit(call: Call) -> None:
        await asyncio.sleep(next(begun) * 0.00015)

    return replace(gateway, chat_steps=(admit, *gateway.chat_steps))


# --- How streams arrive ----------------------------------------------------------------------------------------


@defect("LD-040")
def gathers_streams_when_crowded(gateway: Gateway) -> Gateway:
    """Holds a whole stream back until it is complete, while others are live."""
    floor = Floor()

    async def gathered(call: Call, frames: Frames) -> Frames:
        if not floor.is_crowded(CROWD):
            async for frame in frames:
                yield frame
            return
        yield b"".join([frame async for frame in frames])

    return floor.watched(gateway, gathered)


@defect("LD-041")
def closes_connections_when_crowded(gateway: Gateway) -> Gateway:
    """Ends a connection after its answer while others are live."""
    floor = Floor()

    def closing(call: Call, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [*headers, ("Connection", "close")] if floor.is_crowded(2) else headers

    return replace(floor.watched(gateway), response_headers=closing)
