"""Defects that show only when several requests are live at once; each gateway counts its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from mockserver.behaviours import completion, stream
from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.upstream import Generation

Frames = AsyncIterator[bytes]
Spoil = Callable[[Call, Frames], Frames]
DONE = b"data: [DONE]\n\n"


@dataclass
class Floor:
    """The chat requests that one gateway works on, by request id: from the provider's start to the last byte."""

    live: dict[str, Call] = field(default_factory=dict)

    def is_crowded(self, many: int) -> bool:
        return len(self.live) >= many

    def watched(self, gateway: Gateway, spoil: Spoil | None = None) -> Gateway:
        """The gateway with its live requests counted, and each of their streams spoiled."""

        def started(call: Call) -> Generation:
            self.live[call.request_id] = call
            return gateway.start_upstream(call)

        def replied(call: Call, reply: Reply) -> Reply:
            if reply.frames is None:
                self.live.pop(call.request_id, None)
            return reply

        async def counted(call: Call, frames: Frames) -> Frames:
            try:
                async for frame in spoil(call, frames) if spoil else frames:
                    yield frame
            finally:
                self.live.pop(call.request_id, None)

        return replace(gateway, start_upstream=started, reply=replied, frames=counted)


# --- Answers are mixed -----------------------------------------------------------------------------------------


@defect("OC-160")
def swaps_text_between_streams(gateway: Gateway) -> Gateway:
    """Gives a stream the piece of text that another one was due, while three are live."""
    floor, due = Floor(), list[str]()

    def swapped(call: Call, text: str) -> str:
        if not floor.is_crowded(3):
            return text
        due.append(text)
        return due.pop(0) if len(due) > 1 else ""

    return replace(floor.watched(gateway), content=swapped)


@defect("OC-160", also=("OC-162",))
def writes_into_another_stream(gateway: Gateway) -> Gateway:
    """Sends every fourth event to another stream, whichever writes next, while three are live."""
    floor, strays = Floor(), list[tuple[str, bytes]]()

    async def astray(call: Call, frames: Frames) -> Frames:
        sent = 0
        async for frame in frames:
            while strays and strays[0][0] != call.request_id:
                yield strays.pop(0)[1]
            sent += 1
            if sent % 4 == 0 and frame != DONE and floor.is_crowded(3):
                strays.append((call.request_id, frame))
            else:
                yield frame

    return floor.watched(gateway, astray)


@defect("OC-160")
def shares_an_id_among_concurrent_streams(gateway: Gateway) -> Gateway:
    """Numbers answers by the request that is served, so that streams begun together bear one id."""
    floor = Floor()

    def shared(call: Call) -> str:
        return next((other.completion_id for other in floor.live.values()), None) or completion.completion_id(call)

    return replace(floor.watched(gateway), completion_id=shared)


# --- Requests are refused --------------------------------------------------------------------------------------


def refusing(gateway: Gateway, many: int, refuse: Callable[[Call], Refusal]) -> Gateway:
    """The gateway that refuses a chat request while so many streams are live."""
    floor = Floor()

    async def admit(call: Call) -> None:
        if floor.is_crowded(many):
            raise refuse(call)

    return replace(floor.watched(gateway), chat_steps=(admit, *gateway.chat_steps))


@defect("OC-161", seen=("C22",))
def fails_when_four_streams_are_live(gateway: Gateway) -> Gateway:
    """Answers 500 to the fifth stream at a time."""
    return refusing(gateway, 4, gateway.refuse_internal)


@defect("OC-161", seen=("C25",))
def is_overloaded_by_six_streams(gateway: Gateway) -> Gateway:
    """Answers 503 while six streams are live, far below the rate limit."""
    return refusing(gateway, 6, lambda call: Refusal(503, "overloaded", "Too many streams are open.", "server_error"))


@defect("OC-161", contracts=("voltagegpu-confidential",))
def throttles_concurrency_as_rate(gateway: Gateway) -> Gateway:
    """Answers 429 to the fifth stream at a time although most of the rate limit remains."""
    return refusing(gateway, 4, gateway.refuse_throttled)


# --- Streams lose something ------------------------------------------------------------------------------------


@defect("OC-162", seen=("C41",), hidden_in=("vultr-inference",))
def loses_usage_when_crowded(gateway: Gateway) -> Gateway:
    """Sends no usage chunk to a stream that ends while three are live."""
    floor = Floor()

    def lost(call: Call, envelope: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if floor.is_crowded(3) else stream.usage_chunk(call, envelope, usage)

    return replace(floor.watched(gateway), usage_chunk=lost)


@defect("OC-162")
def forgets_the_end_when_crowded(gateway: Gateway) -> Gateway:
    """Closes a stream without [DONE] while three are live."""
    floor = Floor()

    async def endless(call: Call, frames: Frames) -> Frames:
        async for frame in frames:
            if frame != DONE or not floor.is_crowded(3):
                yield frame

    return floor.watched(gateway, endless)


@defect("OC-162", seen=("C16",))
def truncates_streams_when_crowded(gateway: Gateway) -> Gateway:
    """Ends the oldest stream after six events as soon as four are live."""
    floor = Floor()

    async def short(call: Call, frames: Frames) -> Frames:
        sent = 0
        async for frame in frames:
            if sent >= 6 and floor.is_crowded(4) and next(iter(floor.live)) == call.request_id:
                return
            sent += 1
            yield frame

    return floor.watched(gateway, short)


@defect("OC-160")
def loses_text_when_crowded(gateway: Gateway) -> Gateway:
    """Loses the third piece of text of a stream while three are live, and ends it as though it were whole."""
    floor, told = Floor(), dict[str, int]()

    def lossy(call: Call, text: str) -> str:
        told[call.request_id] = told.get(call.request_id, 0) + 1
        return "" if told[call.request_id] == 3 and floor.is_crowded(3) else text

    return replace(floor.watched(gateway), content=lossy)
