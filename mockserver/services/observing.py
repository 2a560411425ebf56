"""What a reply was, once the whole of it is known: for what is remembered of calls. It changes no byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from mockserver.behaviours.stream import flat
from mockserver.call import Frame, Reply

if TYPE_CHECKING:
    from mockserver.call import Call

Take = Callable[[bytes, bool], None]  # the body, and whether it is all that was to come
MOST_KEPT = 4 * 1024 * 1024  # bytes of a stream


def when_whole(call: Call, reply: Reply, take: Take) -> Reply:
    """`take` hears of the reply before the client sees its end, so that whoever has read it can ask for it at once."""
    if reply.frames is None:
        take(reply.body, True)
        return reply
    return Reply(reply.status, reply.body, reply.headers, _followed(call, reply.frames, take))


async def _followed(call: Call, frames: AsyncIterator[Frame], take: Take) -> AsyncIterator[bytes]:
    sent, last, told = bytearray(), call.gateway.done_frames[-1:], False
    try:
        async for frame in flat(frames):
            if len(sent) < MOST_KEPT:
                sent += frame
            if (frame,) == last and not told:
                told = True
                take(bytes(sent), True)
            yield frame
    finally:
        close = getattr(frames, "aclose", None)
        if close is not None:
            await close()
        if not told:
            take(bytes(sent), False)
