"""The answer as server-sent events: role, deltas, finish, usage, [DONE]. It settles when the stream closes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.admission import Disconnected
from mockserver.behaviours.completion import new_decoder
from mockserver.call import Frame, Headers, Reply
from mockserver.chunked import Batch, Block
from mockserver.upstream import Aborted, Piece, UpstreamFailure
from mockserver.wire import encode

if TYPE_CHECKING:
    import codecs

    from mockserver.call import Call
    from mockserver.gateway import Gateway
    from mockserver.upstream import Generation
    from mockserver.upstream.pieces import Plain

Chunk = dict[str, Any]
_MARK = "here goes the text"  # in a chunk that is never sent


async def open_stream(call: Call, generation: Generation) -> Reply:
    """Wait for the first piece, so that a provider which fails at once is a 502 and not a broken stream."""
    gateway = call.gateway
    try:
        first = await generation.next()
    except UpstreamFailure:
        gateway.void_failed(call)
        raise gateway.refuse_upstream(call) from None
    except Aborted:
        gateway.settle_aborted(call, gateway.usage_of(call, generation.usage_so_far()))
        raise Disconnected from None
    if gateway.frames is not None:
        stream = gateway.frames(call, flat(frames(call, generation, first)))
        return Reply(200, b"", gateway.stream_headers(call), stream)
    return Reply(200, b"", gateway.stream_headers(call), frames(call, generation, first))


def stream_headers(call: Call) -> Headers:
    """Not cacheable, and not to be buffered by a proxy on the way."""
    content_type = ("Content-Type", call.gateway.stream_content_type)
    return [content_type, ("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no")]


class Pieces:
    """Frames of the plain text that comes next."""

    __slots__ = ("_before", "_block", "_call", "_generation", "_next", "_start", "_tokens", "_write")
    _write: Callable[[bytes], bool]

    def __init__(self, call: Call, generation: Generation, plain: Plain, start: int, around: list[bytes]) -> None:
        self._call, self._generation, self._tokens = call, generation, plain.tokens
        self._start = self._next = start
        self._before, after = around
        self._block = _block_of(plain, len(self._before), after)

    def join(self, batch: Batch) -> bool:
        """Put those that are due already into a batch; True when these are all."""
        due = self._generation.take_due()
        if due:
            batch.add_block(self._block, self._before, self._start, self._start + due)
            self._next += due
            self._deliver()
            self._start = self._next
        return self._next == len(self._tokens)

    async def play(self, write: Callable[[bytes], bool]) -> None:
        """Until all are written, or the client has left, or it reads too slowly: then the rest comes one by one."""
        self._write = write
        await self._generation.play(self._push)
        self._deliver()

    def said(self) -> bytes:
        return self._block.said(self._before, self._start, self._next)

    def _push(self, due: int) -> bool:
        start = self._next
        self._next += due
        return self._write(self._block.chunks(self._before, start, self._next))

    def _deliver(self) -> None:
        self._call.delivered += sum(map(len, self._tokens[self._start : self._next]))


async def flat(frames: AsyncIterator[Frame]) -> AsyncIterator[bytes]:
    """For those who look into a stream on its way: `frames` makes no runs where there are any."""
    try:
        async for frame in frames:
            assert isinstance(frame, bytes)
            yield frame
    finally:
        close = getattr(frames, "aclose", None)
        if close is not None:
            await close()


async def frames(call: Call, generation: Generation, first: Piece | None) -> AsyncIterator[Frame]:
    """Every frame of the stream; whatever way it ends, the call is settled once."""
    gateway = call.gateway
    writer, batch = Writer(call), Batch()
    closed, in_runs = False, call.cycle is not None and call.cycle.takes_many
    in_runs = in_runs and gateway.frames is None and gateway.reply is None and not call.state.observers
    try:
        for frame in gateway.preamble:
            yield frame
        piece, usage = first, None
        while piece is not None:
            usage = piece.usage or usage
            if in_runs:
                batch.add(writer.frames(piece))
                if (run := writer.run(generation)) is not None and not run.join(batch):
                    yield batch
                    yield run
                    batch = Batch()
            else:
                for frame in writer.frames(piece):
                    yield frame
            piece = generation.due()
            if piece is None:
                if batch and not generation.over:  # nobody waits for what is there
                    yield batch
                    batch = Batch()
                piece = await generation.next()
        usage, closed = gateway.usage_of(call, usage), True
        gateway.settle_finished(call, usage)  # before the client sees the end, so that its balance is right
        if in_runs:
            batch.add(_closing(call, usage, writer))
            yield batch
        else:
            for frame in _closing(call, usage, writer):
                yield frame
    except UpstreamFailure:
        closed = True
        gateway.settle_dropped(call, gateway.fallback_usage(call, call.delivered))
        for frame in gateway.in_stream_error(call, gateway.refuse_upstream(call)):
            yield frame
    except Aborted:
        pass
    finally:
        if not closed:
            gateway.on_disconnect(generation)
            gateway.settle_aborted(call, gateway.usage_of(call, generation.usage_so_far()))


def _closing(call: Call, usage: dict[str, int], writer: Writer) -> Iterator[bytes]:
    """The usage chunk where it is due, and the end."""
    gateway = call.gateway
    if gateway.wants_usage(call):
        reported = gateway.reported_stream_usage(call, usage)
        chunk = gateway.usage_chunk(call, writer.envelope([]), reported)
        if chunk is not None:
            yield gateway.encode_frame(chunk)
    yield from gateway.done_frames


def on_disconnect(generation: Generation) -> None:
    """The client has left: the provider's work for it stops."""
    generation.abort()


def asked_for_usage(call: Call) -> bool:
    return bool((call.body.get("stream_options") or {}).get("include_usage"))


def wants_usage(call: Call) -> bool:
    """Whether the client gets a usage chunk: always where the contract says so, otherwise when it asked."""
    return call.state.traits.usage_always or asked_for_usage(call)


def wants_null_usage(call: Call) -> bool:
    """Whether every other chunk carries `usage: null`."""
    return asked_for_usage(call)


def usage_chunk(call: Call, envelope: Chunk, usage: dict[str, Any] | None) -> Chunk | None:
    return {**envelope, "choices": [], "usage": usage}


def encode_frame(chunk: Chunk) -> bytes:
    return b"data: " + encode(chunk) + b"\n\n"


def role_delta(call: Call, piece: Piece) -> Chunk:
    """The first delta of a choice: its role, with empty content, or null content before tool calls."""
    return {"role": call.gateway.assistant_role, "content": None if piece.tool else ""}


def text_delta(call: Call, text: str) -> Chunk:
    return {"content": text}


def tool_head_delta(call: Call, tool: dict[str, Any]) -> Chunk:
    """The first delta of a call: id, type and name, arguments still empty."""
    function = {"name": tool["name"], "arguments": ""}
    return {"tool_calls": [{"index": tool["index"], "id": tool["id"], "type": "function", "function": function}]}


def tool_arguments_delta(call: Call, index: int, arguments: str, head: dict[str, Any]) -> Chunk:
    """Later deltas of a call: only its index and the next part of the arguments."""
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


def finish_delta(call: Call, choice: int) -> Chunk:
    return {}


def _leaves_text_alone(gateway: Gateway) -> bool:
    """Whether nobody has a word about text on its way from the engine's tokens to the wire."""
    return (
        gateway.chunk is None
        and gateway.content is None
        and gateway.text_delta is text_delta
        and gateway.encode_frame is encode_frame
        and gateway.decoder is new_decoder
    )


def _block_of(plain: Plain, size: int, after: bytes) -> Block:
    """The frames of a text: those of the stream before, where the same was said in the same form."""
    block = plain.written
    if block is None or block.form != (size, after):
        texts = [encode(token.decode("ascii")) for token in plain.tokens]
        block = plain.written = Block(size, after, texts)
    return block


class Writer:
    """Turns pieces into chunks; keeps what a choice has said already (its role, half a character)."""

    __slots__ = (
        *("_around", "_base", "_call", "_decoders", "_heads", "_is_plain"),
        *("_logprobs", "_null_usage", "_odd", "_seen", "_wants_logprobs"),
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self._base: Chunk = {
            "id": call.completion_id,
            "object": call.gateway.chunk_object,
            "created": call.created,
            "model": call.gateway.stream_model_echo(call),
        }
        self._decoders: dict[tuple[int, int], codecs.IncrementalDecoder] = {}
        self._heads: dict[tuple[int, int], dict[str, Any]] = {}
        self._logprobs: dict[int, list[dict[str, Any]]] = {}
        self._seen: set[int] = set()
        self._wants_logprobs = call.gateway.wants_logprobs(call.body)
        self._null_usage = call.gateway.wants_null_usage(call)
        self._around: dict[int, list[bytes]] = {}
        self._odd: set[int] = set()
        self._is_plain = not self._wants_logprobs and _leaves_text_alone(call.gateway)

    def envelope(self, choices: list[Chunk] | None) -> Chunk:
        chunk = {**self._base, "choices": choices}
        if self._null_usage:
            chunk["usage"] = None
        return chunk

    def chunks(self, piece: Piece) -> Iterator[Chunk]:
        """Zero or more chunks: a piece that completes no character says nothing yet."""
        if piece.usage is not None:
            return
        gateway, call = self._call.gateway, self._call
        yield from self._opening(piece)
        if piece.tool is not None:
            delta = self._tool_delta(piece.choice, piece.tool)
            if delta is not None:
                yield self._chunk(piece, delta)
        elif piece.text:
            yield from self._text(piece)
        if piece.finish is not None:
            finish = gateway.stream_finish_reason(call, piece.finish)
            yield self._chunk(piece, gateway.finish_delta(call, piece.choice), finish)

    def frames(self, piece: Piece) -> list[bytes]:
        """Every frame of a piece."""
        if (plain := self._plain(piece)) is not None:
            return plain
        call, encoded, shape = self._call, self._call.gateway.encode_frame, self._call.gateway.chunk
        if shape is None:
            return [encoded(chunk) for chunk in self.chunks(piece)]
        shaped = [shape(call, chunk) for chunk in self.chunks(piece)]
        return [encoded(chunk) for chunk in shaped if chunk is not None]

    def _plain(self, piece: Piece) -> list[bytes] | None:
        """The frames of a piece that is nothing but ASCII text, where every decision about it is the honest one.

        The same bytes as by `chunks`, put between two constants. None for every other piece, which `chunks` takes.
        """
        _, choice, text, tool, finish, logprobs, _, usage = piece
        if not text or tool or finish or logprobs or usage or not self._is_plain or not text.isascii():
            return None
        if choice in self._odd:
            return None
        before, after = self._around.get(choice) or self._frame_of(choice)
        self._call.delivered += len(text)
        frame = before + encode(text.decode("ascii")) + after
        return [*map(encode_frame, self._opening(piece)), frame]

    def _opening(self, piece: Piece) -> Iterator[Chunk]:
        """The first chunk of a choice, which tells its role."""
        if piece.choice not in self._seen:
            self._seen.add(piece.choice)
            yield self._chunk(piece, self._call.gateway.role_delta(self._call, piece))

    def run(self, generation: Generation) -> Pieces | None:
        """The frames of all plain text that comes next; None where there is none."""
        upcoming = generation.upcoming() if self._is_plain else None
        if upcoming is None:
            return None
        plain, start = upcoming
        if plain.choice not in self._seen or plain.choice in self._odd:
            return None
        around = self._around.get(plain.choice) or self._frame_of(plain.choice)
        return Pieces(self._call, generation, plain, start, around)

    def _frame_of(self, choice: int) -> list[bytes]:
        """What stands before and after the text in each frame of a choice."""
        frame = encode_frame(self._chunk(Piece(0, choice), text_delta(self._call, _MARK)))
        around = self._around[choice] = frame.split(encode(_MARK))
        return around

    def _text(self, piece: Piece) -> Iterator[Chunk]:
        call = self._call
        if not piece.text.isascii():
            self._odd.add(piece.choice)  # from here on a character may be under way
        text = self._decode((piece.choice, -1), piece.text)
        if piece.logprobs:
            self._logprobs.setdefault(piece.choice, []).extend(piece.logprobs)
        if not text:
            return
        call.delivered += len(text.encode("utf-8", "replace"))
        entries = self._logprobs.pop(piece.choice, None)
        if call.gateway.content is not None:
            text = call.gateway.content(call, text)
        yield self._chunk(piece, call.gateway.text_delta(call, text), None, entries)

    def _tool_delta(self, choice: int, tool: dict[str, Any]) -> Chunk | None:
        at = (choice, tool["index"])
        if at not in self._heads:
            self._heads[at] = tool
            return self._call.gateway.tool_head_delta(self._call, tool)
        arguments = self._decode(at, tool["arguments"])
        if not arguments:
            return None
        return self._call.gateway.tool_arguments_delta(self._call, tool["index"], arguments, self._heads[at])

    def _decode(self, at: tuple[int, int], data: bytes) -> str:
        decoder = self._decoders.get(at)
        if decoder is None:
            decoder = self._decoders[at] = self._call.gateway.decoder()
        return decoder.decode(data)

    def _chunk(
        self, piece: Piece, delta: Chunk, finish: str | None = None, entries: list[Chunk] | None = None
    ) -> Chunk:
        choice: Chunk = {"index": piece.choice, "delta": delta, "finish_reason": finish}
        if self._wants_logprobs:
            member = self._call.gateway.stream_logprobs_member
            choice["logprobs"] = member(entries) if entries is not None else None
        return self.envelope([choice])
