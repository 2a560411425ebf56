"""Defects of answers to unusual requests that are right in every other answer: a promise breaks for one caller."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from mockserver.call import Call, Reply
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.defects.errors import retold
from mockserver.defects.prompts import reading_parts
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.upstream import Job

Json = dict[str, Any]
Frames = AsyncIterator[bytes]


def asked(call: Call) -> Json:
    return call.body if isinstance(call.body, dict) else {}


@defect(breaks="FZ-001", seen=("C01",))
def forgets_done_when_top_p_was_sent(gateway: Gateway) -> Gateway:
    """Ends a stream without [DONE] when the request had a top_p."""

    async def frames(call: Call, honest: Frames) -> Frames:
        async for frame in honest:
            if not (b"[DONE]" in frame and "top_p" in asked(call)):
                yield frame

    return replace(gateway, frames=frames)


@defect(breaks="FZ-001")
def miscounts_when_top_p_was_sent(gateway: Gateway) -> Gateway:
    """Reports a total that is one more than its parts when the request had a top_p."""

    def reported(call: Call, usage: dict[str, int]) -> Json | None:
        honest = gateway.reported_usage(call, usage)
        if honest is None or "top_p" not in asked(call):
            return honest
        return {**honest, "total_tokens": honest["total_tokens"] + 1}

    return replace(gateway, reported_usage=reported, reported_stream_usage=reported)


@defect(breaks="FZ-001")
def forgets_the_time_of_hot_answers(gateway: Gateway) -> Gateway:
    """Says that an answer was made in 1970 when the temperature was above 1."""

    def created(call: Call) -> int:
        heat = asked(call).get("temperature")
        return 0 if isinstance(heat, int | float) and heat > 1 else gateway.created(call)

    return replace(gateway, created=created)


@defect(breaks="FZ-001", seen=("C101",))
def wraps_nested_errors_twice(gateway: Gateway) -> Gateway:
    """Puts the error of a member inside a message into an envelope of its own."""

    def body(call: Call, refusal: Refusal) -> Any:
        honest = gateway.error_body(call, refusal)
        return {"detail": [honest]} if "[" in (refusal.param or "") else honest

    return replace(gateway, error_body=body)


@defect(breaks="FZ-001", seen=("C109",))
def quotes_what_a_message_held(gateway: Gateway) -> Gateway:
    """Repeats the messages in the refusal of a member inside one of them."""

    def refuse(call: Call, param: str, message: str) -> Refusal:
        honest = gateway.refuse_parameter(call, param, message)
        shown = f"{message} Got {asked(call)['messages']!r}" if param.count("[") > 1 or "].c" in param else message
        return replace(honest, message=shown)

    return replace(gateway, refuse_parameter=refuse)


@defect(breaks="FZ-001")
def refuses_objects_in_html(gateway: Gateway) -> Gateway:
    """Labels the refusal of a max_tokens that is no number as a page."""

    def reply(call: Call, refusal: Refusal) -> Reply:
        honest = gateway.error_reply(call, refusal)
        if isinstance(asked(call).get("max_tokens"), dict | list | str):
            honest.headers[:] = [("Content-Type", "text/html; charset=utf-8")]
        return honest

    return replace(gateway, error_reply=reply)


@defect(breaks="FZ-002")
def refuses_a_name_that_is_null(gateway: Gateway) -> Gateway:
    """Refuses a request whose user is null, as the document allows it."""

    def check(call: Call, at: str, role: Any) -> None:
        if asked(call).get("user", "") is None:
            raise gateway.refuse_parameter(call, "user", "Expected a string.")
        gateway.check_role(call, at, role)

    return replace(gateway, check_role=check)


@defect(breaks="FZ-003")
def names_long_answers_by_their_day(gateway: Gateway) -> Gateway:
    """Gives all answers the same id that may have more than twenty tokens."""

    def name(call: Call) -> str:
        bound = asked(call).get("max_tokens")
        return "chatcmpl-today" if isinstance(bound, int) and bound > 20 else gateway.completion_id(call)

    return replace(gateway, completion_id=name)


@defect(breaks="FZ-003", hidden_in=("vultr-inference",))
def counts_the_history_twice_in_streams(gateway: Gateway) -> Gateway:
    """Counts nine prompt tokens more for what the assistant said before, when the answer is streamed."""

    def reported(call: Call, usage: dict[str, int]) -> Json | None:
        honest = gateway.reported_stream_usage(call, usage)
        said = [message for message in asked(call).get("messages") or () if isinstance(message, dict)]
        if honest is None or all(message.get("role") != "assistant" for message in said):
            return honest
        return {**honest, "prompt_tokens": honest["prompt_tokens"] + 9, "total_tokens": honest["total_tokens"] + 9}

    return replace(gateway, reported_stream_usage=reported)


@defect(breaks="FZ-004")
def reads_two_parts_at_most(gateway: Gateway) -> Gateway:
    """Reads the first two of several text parts and forgets the others."""
    return replace(gateway, decode_body=reading_parts(slice(0, 2)))


@defect(breaks="FZ-005", seen=("C17",), hidden_in=("vultr-inference",))
def breaks_letters_between_choices(gateway: Gateway) -> Gateway:
    """Reads the provider in packets where it sends several choices, and replaces letters that fall apart."""

    async def frames(call: Call, honest: Frames) -> Frames:
        several = (asked(call).get("n") or 1) > 1
        async for frame in honest:
            packets = [frame[at : at + 5] for at in range(0, len(frame), 5)] if several else [frame]
            yield b"".join(packet.decode("utf-8", "replace").encode() for packet in packets)

    return replace(gateway, frames=frames)


@defect(breaks="FZ-006")
def forgets_the_seed_of_streams(gateway: Gateway) -> Gateway:
    """Samples anew for every stream, with a seed or without."""

    def rng(job: Job, choice: int) -> random.Random:
        body = {**job.body, "seed": None} if job.body.get("stream") else job.body
        return gateway.rng_of(replace(job, body=body), choice)

    return replace(gateway, rng_of=rng)


@defect(breaks="FZ-007", hidden_in=("vultr-inference",))
def waits_for_the_usage_that_was_asked_for(gateway: Gateway) -> Gateway:
    """Holds a stream back until it is complete where its usage was asked for."""

    async def frames(call: Call, honest: Frames) -> Frames:
        if not asked(call).get("stream_options"):
            async for frame in honest:
                yield frame
            return
        for frame in [frame async for frame in honest]:
            yield frame

    return replace(gateway, frames=frames)


@defect(breaks="FZ-008", seen=("C98",))
def ends_as_though_nothing_had_happened(gateway: Gateway) -> Gateway:
    """Ends a stream that the provider left with [DONE] and no word of it."""
    return replace(gateway, in_stream_error=lambda call, refusal: list(gateway.done_frames))


@defect(breaks="FZ-015")
def reads_another_owner_than_it_lists(gateway: Gateway) -> Gateway:
    """Tells another owner of a model that is read than of the same model in the list."""
    return replace(
        gateway, retrieved_row=lambda call, row: {**gateway.retrieved_row(call, row), "owned_by": "somebody-else"}
    )


@defect(breaks="FZ-016")
def hides_the_chat_from_other_methods(gateway: Gateway) -> Gateway:
    """Says 404 for the path of the chat when it is asked with GET."""
    hidden = retold(gateway.refuse_method, status=404)

    def refuse(call: Call, *given: Any) -> Refusal:
        return (hidden if call.method == "GET" else gateway.refuse_method)(call, *given)

    return replace(gateway, refuse_method=refuse)


@defect(breaks="FZ-017")
def finishes_the_names_of_models(gateway: Gateway) -> Gateway:
    """Takes the beginning of a model's id for that model."""

    def find(call: Call, model: str) -> Row | None:
        found = gateway.find_model(call, model)
        return found or next((row for row in gateway.listed_models(call) if model and row.id.startswith(model)), None)

    return replace(gateway, find_model=find)


@defect(breaks="FZ-053", seen=("C101",))
def tells_why_it_could_not_decode(gateway: Gateway) -> Gateway:
    """Shows the exception of the decoder where a body is no UTF-8."""

    def refuse(call: Call) -> Refusal:
        honest = gateway.refuse_bad_json(call)
        try:
            call.raw.decode()
        except UnicodeDecodeError as error:
            return replace(honest, message=f"{honest.message} {type(error).__name__}({error.reason!r})")
        return honest

    return replace(gateway, refuse_bad_json=refuse)
