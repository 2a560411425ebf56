"""Defects of the chunks of a stream: constant members, deltas, finish reasons, choices, stops, logprobs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import stops, stream
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.wire import encode

Json = dict[str, Any]


def with_chunk(gateway: Gateway, change: Callable[[Json], Json | None]) -> Gateway:
    """The gateway with every chunk but the usage chunk changed."""
    return replace(gateway, chunk=lambda call, chunk: change(chunk))


def with_choice(gateway: Gateway, change: Callable[[Json], Json]) -> Gateway:
    """The gateway with every choice of every chunk changed."""
    return with_chunk(gateway, lambda chunk: {**chunk, "choices": [change(choice) for choice in chunk["choices"]]})


def with_usage_chunk(gateway: Gateway, change: Callable[[Json], Json | None]) -> Gateway:
    """The gateway with the usage chunk changed."""

    def changed(call: Call, envelope: Json, usage: Json | None) -> Json | None:
        return change(stream.usage_chunk(call, envelope, usage) or {})

    return replace(gateway, usage_chunk=changed)


def without(name: str, document: Json) -> Json:
    return {key: value for key, value in document.items() if key != name}


# --- Members that are the same in every chunk ------------------------------------------------------------------


@defect(("OC-083", "VT-063"), seen=("C26",))
def changes_the_id_in_every_chunk(gateway: Gateway) -> Gateway:
    """Gives every chunk of a stream its own id."""
    numbers = itertools.count()
    return with_chunk(gateway, lambda chunk: {**chunk, "id": f"chatcmpl-{next(numbers)}"})


@defect(("OC-083", "VT-063"), also=("VT-064",), seen=("C28",))
def streams_an_empty_id(gateway: Gateway) -> Gateway:
    """Leaves the id of every chunk empty."""
    return with_chunk(gateway, lambda chunk: {**chunk, "id": ""})


@defect("OC-084", seen=("C31",))
def calls_a_chunk_a_completion(gateway: Gateway) -> Gateway:
    """Says chat.completion in the chunks of a stream."""
    return replace(gateway, chunk_object="chat.completion")


@defect("OC-084", seen=("C31",))
def leaves_out_the_object_of_chunks(gateway: Gateway) -> Gateway:
    """Leaves object out of chunks."""
    return with_chunk(gateway, lambda chunk: without("object", chunk))


@defect(("OC-084", "OC-087"), also=("OC-083", "OC-085", "OC-086"), seen=("C13",))
def sends_pings_as_data(gateway: Gateway) -> Gateway:
    """Starts a stream with a ping event of another API."""
    return replace(gateway, preamble=(b'data: {"type":"ping"}\n\n',))


@defect(("OC-083", "OC-084"), also=("OC-085", "OC-086", "VT-063"), seen=("C37",))
def starts_with_an_anonymous_chunk(gateway: Gateway) -> Gateway:
    """Starts a stream with the findings of a filter, in a chunk without id, object and model."""
    filtered = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []}
    return replace(gateway, preamble=(stream.encode_frame(filtered),))


@defect("OC-085")
def dates_every_chunk_anew(gateway: Gateway) -> Gateway:
    """Counts created up from chunk to chunk."""
    seconds = itertools.count(1_700_000_000)
    return with_chunk(gateway, lambda chunk: {**chunk, "created": next(seconds)})


@defect("OC-085")
def dates_chunks_in_fractions(gateway: Gateway) -> Gateway:
    """Sends created with a fraction of a second."""
    return with_chunk(gateway, lambda chunk: {**chunk, "created": chunk["created"] + 0.25})


@defect("OC-086", seen=("C32",))
def names_another_model_in_streams(gateway: Gateway) -> Gateway:
    """Names the provider's model in streams and the asked one elsewhere."""
    return replace(gateway, stream_model_echo=lambda call: f"provider/{call.model}")


@defect("OC-086")
def names_the_model_only_once(gateway: Gateway) -> Gateway:
    """Names the model in the first chunk and leaves it empty in the others."""
    return with_chunk(gateway, lambda chunk: chunk if says_role(chunk) else {**chunk, "model": ""})


def says_role(chunk: Json) -> bool:
    return "role" in chunk["choices"][0]["delta"]


@defect("OC-087", also=("OC-088",), seen=("C34",))
def streams_null_choices(gateway: Gateway) -> Gateway:
    """Sends choices: null in the first chunk."""
    return with_chunk(gateway, lambda chunk: {**chunk, "choices": None} if says_role(chunk) else chunk)


@defect(("OC-087", "OC-092"), seen=("C35",))
def leaves_out_choices_beside_usage(gateway: Gateway) -> Gateway:
    """Sends the usage chunk without choices."""
    return with_usage_chunk(gateway, lambda chunk: without("choices", chunk))


# --- Deltas ----------------------------------------------------------------------------------------------------


@defect(("OC-088", "VT-063"))
def streams_without_the_role(gateway: Gateway) -> Gateway:
    """Starts a choice without its role."""
    return replace(gateway, role_delta=lambda call, piece: {"content": ""})


@defect(("OC-088", "VT-063"))
def repeats_the_role_in_every_delta(gateway: Gateway) -> Gateway:
    """Names the role in every delta."""
    return replace(gateway, text_delta=lambda call, text: {"role": "assistant", "content": text})


@defect(("OC-088", "VT-063"))
def calls_the_assistant_a_model(gateway: Gateway) -> Gateway:
    """Names the role model in streams."""
    return replace(gateway, role_delta=lambda call, piece: {"role": "model", "content": ""})


@defect(("OC-090", "VT-064"))
def streams_content_as_parts(gateway: Gateway) -> Gateway:
    """Sends the content of a delta as an array of parts."""
    return replace(gateway, text_delta=lambda call, text: {"content": [{"type": "text", "text": text}]})


@defect(("OC-090", "VT-064"))
def streams_as_the_old_completions(gateway: Gateway) -> Gateway:
    """Puts text into choices as the completions API did, without a delta."""
    return with_choice(gateway, lambda row: {**without("delta", row), "text": row["delta"].get("content")})


# --- Finish reasons --------------------------------------------------------------------------------------------


@defect(("OC-089", "VT-063"), seen=("C52",))
def streams_a_reason_of_another_api(gateway: Gateway) -> Gateway:
    """Says end_turn where stop is due."""
    return replace(gateway, stream_finish_reason=lambda call, reason: "end_turn")


@defect(("OC-089", "VT-063"), seen=("C04", "C05"))
def never_says_why_it_ended(gateway: Gateway) -> Gateway:
    """Ends a stream without a finish_reason."""
    return with_choice(gateway, lambda row: {**row, "finish_reason": None})


@defect(("OC-089", "VT-063"), seen=("C53",))
def says_stop_in_every_chunk(gateway: Gateway) -> Gateway:
    """Carries finish_reason stop in every chunk."""
    return with_choice(gateway, lambda row: {**row, "finish_reason": "stop"})


@defect(("OC-089", "VT-063"))
def says_stop_before_the_last_word(gateway: Gateway) -> Gateway:
    """Sends finish_reason with the first delta, and the text after it."""

    def early(row: Json) -> Json:
        return {**row, "finish_reason": "stop" if "role" in row["delta"] else None}

    return with_choice(gateway, early)


@defect("OC-089", seen=("C56",))
def calls_a_failed_stream_finished(gateway: Gateway) -> Gateway:
    """Ends a stream that failed upstream with finish_reason stop and [DONE]."""

    def finished(call: Call, refusal: Any) -> list[bytes]:
        row = {"index": 0, "delta": {}, "finish_reason": "stop"}
        return [b"data: " + encode({**head(call), "choices": [row]}) + b"\n\n", *gateway.done_frames]

    return replace(gateway, in_stream_error=finished)


def head(call: Call) -> Json:
    made = {"id": call.completion_id, "object": "chat.completion.chunk"}
    return {**made, "created": call.created, "model": call.model}


@defect("OC-089", seen=("C98", "C02"))
def swallows_the_error_of_a_stream(gateway: Gateway) -> Gateway:
    """Drops the error of a stream and closes it as though nothing were wrong."""
    return replace(gateway, in_stream_error=lambda call, refusal: [])


@defect("OC-102", also=("OC-031",))
def says_stop_where_it_cut(gateway: Gateway) -> Gateway:
    """Says stop in streams that max_tokens cut."""
    return replace(gateway, stream_finish_reason=lambda call, reason: "stop" if reason == "length" else reason)


@defect("OC-102", seen=("C85",))
def ignores_max_tokens_in_streams(gateway: Gateway) -> Gateway:
    """Lets streams run past max_tokens."""
    return replace(gateway, max_tokens=lambda call: 4096 if call.streams else gateway.max_tokens(call))


@defect("OC-102")
def gives_one_token_too_many(gateway: Gateway) -> Gateway:
    """Lets streams have one token more than max_tokens."""
    return replace(gateway, max_tokens=lambda call: gateway.max_tokens(call) + call.streams)


# --- Choices, stops, logprobs ----------------------------------------------------------------------------------


@defect("OC-098", also=("OC-088", "OC-089"))
def merges_the_choices(gateway: Gateway) -> Gateway:
    """Streams all choices under index 0."""
    return with_choice(gateway, lambda row: {**row, "index": 0})


@defect("OC-098", seen=("C82",))
def streams_one_choice_only(gateway: Gateway) -> Gateway:
    """Ignores n in streams."""
    return with_chunk(gateway, lambda chunk: chunk if chunk["choices"][0]["index"] == 0 else None)


@defect("OC-098")
def finishes_the_first_choice_only(gateway: Gateway) -> Gateway:
    """Sends a finish_reason for choice 0 and for no other."""
    return with_choice(gateway, lambda row: row if row["index"] == 0 else {**row, "finish_reason": None})


@defect("OC-103")
def ignores_stop_in_streams(gateway: Gateway) -> Gateway:
    """Honours stop without streaming and forgets it with it."""
    return replace(gateway, stops_of=lambda body: [] if body.get("stream") else stops.stops_of(body))


class EagerScanner(stops.StopScanner):
    """Delivers every token at once, and sees a stop sequence only when its last token is there."""

    def __init__(self, sequences: list[bytes]) -> None:
        super().__init__(sequences)
        self.said = b""

    def feed(self, token: bytes) -> list[bytes]:
        self.said += token
        self.hit = any(stop in self.said for stop in self._stops)
        return [] if self.hit else [token]


@defect("OC-103", also=("OC-039",))
def delivers_half_a_stop_sequence(gateway: Gateway) -> Gateway:
    """Sends the tokens of a stop sequence on until it is complete."""
    return replace(gateway, stop_scanner=EagerScanner)


class TokenScanner(stops.StopScanner):
    """Looks for a stop sequence in each token by itself."""

    def feed(self, token: bytes) -> list[bytes]:
        self.hit = any(stop in token for stop in self._stops)
        return [] if self.hit else [token]


@defect("OC-103", also=("OC-039",), seen=("C77",))
def looks_for_stops_in_single_tokens(gateway: Gateway) -> Gateway:
    """Looks for stop sequences in single tokens."""
    return replace(gateway, stop_scanner=TokenScanner)


class GenerousScanner(stops.StopScanner):
    """Hands out the stop sequence at the end of the text."""

    def feed(self, token: bytes) -> list[bytes]:
        released = super().feed(token)
        return [*released, self._stops[0]] if self.hit else released


@defect("OC-103", also=("OC-037", "OC-038", "OC-039"), seen=("C76",))
def ends_with_the_stop_sequence(gateway: Gateway) -> Gateway:
    """Ends the text with the stop sequence."""
    return replace(gateway, stop_scanner=GenerousScanner)


@defect("OC-104", seen=("C94",))
def streams_without_logprobs(gateway: Gateway) -> Gateway:
    """Sends logprobs: null in streams that asked for them."""
    return replace(gateway, stream_logprobs_member=lambda entries: None)


@defect("OC-104")
def streams_probabilities(gateway: Gateway) -> Gateway:
    """Sends probabilities where their logarithms are due."""

    def raised(entries: list[Json]) -> Json:
        return {"content": [{**entry, "logprob": math.exp(entry["logprob"])} for entry in entries]}

    return replace(gateway, stream_logprobs_member=raised)
