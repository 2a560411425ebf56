"""Defects of a stream as a transport: headers, events, the end marker, arrival, clients that leave."""

from __future__ import annotations

import codecs
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace

from mockserver.behaviours import stream
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.wire import encode

DONE = b"data: [DONE]\n\n"
Frames = AsyncIterator[bytes]


def says_text(frame: bytes) -> bool:
    return b'"delta":{"content":"' in frame


# --- Headers ---------------------------------------------------------------------------------------------------


@defect(("OC-080", "VT-060"), seen=("C19",))
def sends_streams_as_plain_text(gateway: Gateway) -> Gateway:
    """Labels a stream text/plain."""
    return replace(gateway, stream_content_type="text/plain; charset=utf-8")


@defect(("OC-080", "VT-060"), seen=("C19",))
def sends_streams_as_json(gateway: Gateway) -> Gateway:
    """Labels a stream application/json."""
    return replace(gateway, stream_content_type="application/json")


@defect(("OC-080", "VT-060"))
def answers_streams_whole(gateway: Gateway) -> Gateway:
    """Ignores stream and answers with one JSON object."""
    return replace(gateway, streams=lambda call: False)


@defect("OC-099")
def streams_when_told_not_to(gateway: Gateway) -> Gateway:
    """Streams whenever the request has the member stream, even when it is false."""
    return replace(gateway, streams=lambda call: "stream" in call.body)


@defect("OC-105")
def lets_caches_keep_streams(gateway: Gateway) -> Gateway:
    """Allows shared caches to keep a stream for an hour."""
    cached = [("Content-Type", "text/event-stream"), ("Cache-Control", "public, max-age=3600")]
    return replace(gateway, stream_headers=lambda call: cached)


@defect("OC-105")
def compresses_streams_unasked(gateway: Gateway) -> Gateway:
    """Sends a stream gzipped to a client that asked for identity."""
    zipped = [("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip")]
    return replace(gateway, stream_headers=lambda call: zipped, frames=gzipped)


async def gzipped(call: Call, frames: Frames) -> Frames:
    packer = zlib.compressobj(wbits=31)
    async for frame in frames:
        yield packer.compress(frame) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


# --- Events ----------------------------------------------------------------------------------------------------


@defect("OC-081", seen=("C07",))
def streams_errors_as_plain_text(gateway: Gateway) -> Gateway:
    """Reports a failure inside a stream as a sentence instead of JSON."""
    return replace(gateway, in_stream_error=lambda call, refusal: [b"data: error: Failed to read the upstream\n\n"])


@defect("OC-081", seen=("C10",))
def sends_keep_alive_as_data(gateway: Gateway) -> Gateway:
    """Passes a keep-alive comment of the provider on as data."""
    return replace(gateway, preamble=(b"data: : PROCESSING\n\n",))


@defect("OC-081", seen=("C11",))
def sends_empty_events(gateway: Gateway) -> Gateway:
    """Keeps the connection alive with events whose data is empty."""
    return replace(gateway, preamble=(b"data:\n\n",))


@defect("OC-081")
def sends_lines_of_json(gateway: Gateway) -> Gateway:
    """Sends bare JSON lines where events are due."""
    return replace(gateway, encode_frame=lambda chunk: encode(chunk) + b"\n\n")


@defect("OC-081", seen=("C14",))
def joins_two_events(gateway: Gateway) -> Gateway:
    """Ends an event with one newline, so that it runs into the next."""
    return replace(gateway, encode_frame=lambda chunk: b"data: " + encode(chunk) + b"\n")


@defect("OC-081", seen=("C14",))
def pretty_prints_events(gateway: Gateway) -> Gateway:
    """Indents the JSON of an event over lines that have no data field."""
    return replace(gateway, encode_frame=lambda chunk: f"data: {json.dumps(chunk, indent=1)}\n\n".encode())


@defect("OC-081")
def sends_python_instead_of_json(gateway: Gateway) -> Gateway:
    """Sends the server's own representation of a chunk, with single quotes."""
    return replace(gateway, encode_frame=lambda chunk: f"data: {chunk}\n\n".encode())


# --- The end ---------------------------------------------------------------------------------------------------


@defect(("OC-082", "VT-063", "VT-066"), seen=("C01",))
def never_says_done(gateway: Gateway) -> Gateway:
    """Closes a stream without [DONE]."""
    return replace(gateway, done_frames=())


@defect(("OC-082", "VT-063", "VT-066"))
def says_done_twice(gateway: Gateway) -> Gateway:
    """Sends [DONE] twice, once for the provider and once for itself."""
    return replace(gateway, done_frames=(DONE, DONE))


@defect(("OC-082", "VT-066"), also=("OC-081",))
def ends_with_an_end_of_text_token(gateway: Gateway) -> Gateway:
    """Ends a stream with the model's own end marker."""
    return replace(gateway, done_frames=(b"data: </s>\n\n",))


@defect(("OC-082", "VT-066"), also=("OC-092", "VT-065"))
def goes_on_after_done(gateway: Gateway) -> Gateway:
    """Sends [DONE] before the last chunk."""

    async def swapped(call: Call, frames: Frames) -> Frames:
        held = b""
        async for frame in frames:
            if frame == DONE:
                frame, held = held, frame
                yield held
            elif held:
                yield held
            held = frame
        yield held

    return replace(gateway, frames=swapped)


# --- Bytes -----------------------------------------------------------------------------------------------------


class TokenDecoder(codecs.IncrementalDecoder):
    """Decodes every token by itself, as though no character ever spanned two."""

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        return data.decode("utf-8", self.errors)


@defect("OC-091", seen=("C16",))
def decodes_each_token_by_itself(gateway: Gateway) -> Gateway:
    """Turns every character that spans two tokens into U+FFFD."""
    return replace(gateway, decoder=lambda: TokenDecoder("replace"))


@defect("OC-091")
def drops_split_characters(gateway: Gateway) -> Gateway:
    """Drops every character that spans two tokens."""
    return replace(gateway, decoder=lambda: TokenDecoder("ignore"))


@defect("OC-091", seen=("C17",))
def decodes_each_packet_by_itself(gateway: Gateway) -> Gateway:
    """Reads the provider in packets and replaces the characters that fall apart between them."""

    async def repacked(call: Call, frames: Frames) -> Frames:
        async for frame in frames:
            packets = [frame[at : at + 3] for at in range(0, len(frame), 3)]
            yield "".join(packet.decode("utf-8", "replace") for packet in packets).encode()

    return replace(gateway, frames=repacked)


@defect("OC-091")
def sends_latin_1(gateway: Gateway) -> Gateway:
    """Writes events in ISO 8859-1."""
    return replace(gateway, encode_frame=lambda chunk: stream.encode_frame(chunk).decode().encode("latin-1", "replace"))


# --- What arrives, and when ------------------------------------------------------------------------------------


async def each_twice(call: Call, frames: Frames) -> Frames:
    async for frame in frames:
        yield frame
        if says_text(frame):
            yield frame


@defect("OC-096", also=("OC-090",), seen=("C20",))
def sends_every_chunk_twice(gateway: Gateway) -> Gateway:
    """Sends every chunk with content twice."""
    return replace(gateway, frames=each_twice)


@defect("OC-096", also=("OC-090",))
def resends_a_chunk(gateway: Gateway) -> Gateway:
    """Sends the tenth frame again, as after a reconnect to the provider."""

    async def resent(call: Call, frames: Frames) -> Frames:
        sent = 0
        async for frame in frames:
            sent += 1
            yield frame
            if sent == 10:
                yield frame

    return replace(gateway, frames=resent)


@defect("OC-096", seen=("C08",))
def repeats_the_error_without_end(gateway: Gateway) -> Gateway:
    """Sends the error frame of a failed stream again and again."""
    return replace(gateway, in_stream_error=lambda call, refusal: 200 * gateway.in_stream_error(call, refusal))


@defect("OC-090", also=("OC-096",))
def loses_a_delta(gateway: Gateway) -> Gateway:
    """Loses the eighth frame of every stream."""

    async def lossy(call: Call, frames: Frames) -> Frames:
        seen = 0
        async for frame in frames:
            seen += 1
            if seen != 8:
                yield frame

    return replace(gateway, frames=lossy)


@defect(("OC-090", "VT-064"))
def trims_every_delta(gateway: Gateway) -> Gateway:
    """Strips the spaces around every piece of text."""
    return replace(gateway, text_delta=lambda call, text: {"content": text.strip()})


async def in_one_piece(call: Call, frames: Frames) -> Frames:
    yield b"".join([frame async for frame in frames])


async def all_at_the_end(call: Call, frames: Frames) -> Frames:
    for frame in [frame async for frame in frames]:
        yield frame


@defect(("OC-097", "VT-055"))
def buffers_the_whole_stream(gateway: Gateway) -> Gateway:
    """Collects the whole stream and sends it as one block."""
    return replace(gateway, frames=in_one_piece)


@defect(("OC-097", "VT-055"))
def holds_events_back(gateway: Gateway) -> Gateway:
    """Sends all events one after the other once the last is there."""
    return replace(gateway, frames=all_at_the_end)


# --- Clients that leave ----------------------------------------------------------------------------------------


@defect("OC-100", seen=("C23",))
def works_on_for_nobody(gateway: Gateway) -> Gateway:
    """Lets the model write on after the client has left."""

    async def read_on(call: Call, frames: Frames) -> Frames:
        async for frame in frames:
            yield frame

    return replace(gateway, on_disconnect=lambda generation: None, frames=read_on)


@defect("OC-101", seen=("C25",))
def leaks_a_slot_for_every_abort(gateway: Gateway) -> Gateway:
    """Never frees the slot of a stream whose client left, and refuses calls when four are gone."""
    leaked: list[str] = []

    def settle(call: Call, usage: dict[str, int]) -> None:
        leaked.append(call.request_id)
        gateway.settle_aborted(call, usage)

    async def need_a_slot(call: Call) -> None:
        if len(leaked) >= 4:
            raise gateway.refuse_throttled(call)

    return replace(gateway, settle_aborted=settle, chat_steps=(need_a_slot, *gateway.chat_steps))
