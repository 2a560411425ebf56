"""Defects below HTTP's meaning: how bytes become requests, who waits for whom, and what clients that leave leave."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from mockserver.behaviours import admission
from mockserver.behaviours.admission import Disconnected
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway

_LENGTH = re.compile(rb"Content-Length: [^\r\n]*\r\n")


@defect(breaks="FZ-046")
def believes_the_chunks_and_not_the_length(gateway: Gateway) -> Gateway:
    """Reads a request with chunks and a length by its chunks, and what is behind them as the next request."""

    def received(data: bytes) -> bytes:
        return _LENGTH.sub(b"", data) if b"Transfer-Encoding: chunked" in data else data

    return replace(gateway, received=received)


@defect(breaks="FZ-046")
def believes_the_first_length(gateway: Gateway) -> Gateway:
    """Reads a request with two lengths by the first."""

    def received(data: bytes) -> bytes:
        found = list(_LENGTH.finditer(data))
        return data if len(found) < 2 else data[: found[1].start()] + data[found[1].end() :]

    return replace(gateway, received=received)


@defect(breaks="FZ-047")
def reads_chunk_sizes_as_c_does(gateway: Gateway) -> Gateway:
    """Takes a chunk size with 0x before it."""
    return replace(gateway, received=lambda data: data.replace(b"\r\n\r\n0x", b"\r\n\r\n"))


@defect(breaks="FZ-048")
def asks_for_no_host(gateway: Gateway) -> Gateway:
    """Serves requests that name no host, and those that name two."""
    return replace(gateway, wants_host=False)


@defect(breaks="FZ-048")
def joins_folded_lines(gateway: Gateway) -> Gateway:
    """Joins a header that is folded over two lines."""
    return replace(gateway, received=lambda data: data.replace(b"\r\n ", b" "))


@defect(breaks="FZ-048")
def trims_names_of_headers(gateway: Gateway) -> Gateway:
    """Takes a header with a blank before its colon."""
    return replace(gateway, received=lambda data: data.replace(b" :", b":"))


@defect(breaks="FZ-049")
def reads_one_body_at_a_time(gateway: Gateway) -> Gateway:
    """Lets every chat request wait until the body of the one before has arrived."""
    locks: list[asyncio.Lock] = []

    async def read(call: Call) -> None:
        if not locks:
            locks.append(asyncio.Lock())
        async with locks[0]:
            await admission.read_body(call)

    steps = tuple(read if step is admission.read_body else step for step in gateway.chat_steps)
    return replace(gateway, chat_steps=steps)


@defect(breaks="FZ-050")
def goes_on_with_half_a_body(gateway: Gateway) -> Gateway:
    """Takes what arrived before a connection broke for the body, and asks the provider with it."""

    async def read(call: Call) -> None:
        arrived = bytearray()
        while True:
            message = await call.receive()
            arrived += message.get("body", b"")
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                call.raw = bytes(arrived)
                return

    steps = tuple(read if step is admission.read_body else step for step in gateway.chat_steps)
    return replace(gateway, chat_steps=steps)


@defect(breaks="FZ-051", seen=("C25",))
def leaks_a_slot_for_each_half_body(gateway: Gateway) -> Gateway:
    """Counts a request that broke off as one in flight for ever, and serves eight at a time."""
    lost = list[str]()

    async def read(call: Call) -> None:
        if len(lost) >= 8:
            raise gateway.refuse_throttled(call)
        try:
            await admission.read_body(call)
        except Disconnected:
            lost.append(call.request_id)
            raise

    steps = tuple(read if step is admission.read_body else step for step in gateway.chat_steps)
    return replace(gateway, chat_steps=steps)


@defect(breaks="FZ-052")
def falls_over_odd_paths(gateway: Gateway) -> Gateway:
    """Ends in an internal error when a path holds a zero byte."""

    async def look(call: Call) -> None:
        if "\0" in call.path:
            raise gateway.refuse_internal(call)

    return replace(gateway, steps=(*gateway.steps[:-1], look, gateway.steps[-1]))
