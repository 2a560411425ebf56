"""Defects of the completion object and of its token counts: the answer itself has one thing wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import completion
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.upstream import Job, Piece

Json = dict[str, Any]
TEXT = ("OC-023", "OC-037", "OC-038", "OC-039", "OC-048", "OC-071", "OC-090", "OC-153")  # checks that read the text
SDK = "VT-043"  # an SDK that reads the answer stumbles over the same thing


def with_members(**members: Any) -> Callable[[Call, Json], Json]:
    """The finished document with members replaced."""
    return lambda call, document: {**document, **members}


def each_choice(change: Callable[[Json], Json]) -> Callable[[Call, Json], Json]:
    return lambda call, document: {**document, "choices": [change(choice) for choice in document["choices"]]}


def each_message(**members: Any) -> Callable[[Call, Json], Json]:
    return each_choice(lambda choice: {**choice, "message": {**choice["message"], **members}})


# --- The object ------------------------------------------------------------------------------------------------


@defect(breaks="OC-001", also=("OC-151", SDK))
def answers_as_plain_text(gateway: Gateway) -> Gateway:
    """Sends the completion with the Content-Type text/plain."""
    return replace(gateway, json_content_type="text/plain; charset=utf-8")


@defect(
    breaks="OC-001",
    also=("OC-003", "OC-086", "OC-095", "OC-099", "OC-140", "OC-141", "OC-151", "VT-053", "VT-100", SDK, *TEXT),
)
def wraps_the_answer_in_a_list(gateway: Gateway) -> Gateway:
    """Sends an array with one completion where one object is due."""
    return replace(gateway, completed=lambda call, document: [document])


@defect(breaks="OC-002", also=("OC-003", SDK), seen=("C28",))
def leaves_the_id_empty(gateway: Gateway) -> Gateway:
    """Sends an empty string as the id of every answer."""
    return replace(gateway, completed=with_members(id=""))


@defect(breaks="OC-002", also=(SDK,))
def numbers_its_answers(gateway: Gateway) -> Gateway:
    """Sends the id as a number."""
    return replace(gateway, completed=lambda call, document: {**document, "id": int(call.request_id[4:12], 16)})


@defect(breaks="OC-003")
def gives_every_answer_the_same_id(gateway: Gateway) -> Gateway:
    """Uses one id for all answers."""
    return replace(gateway, completion_id=lambda call: "chatcmpl-0123456789abcdef")


@defect(breaks="OC-004", also=(SDK,), seen=("C31",))
def leaves_out_the_object_member(gateway: Gateway) -> Gateway:
    """Sends a completion without the member object."""
    return replace(gateway, completed=lambda call, document: {k: v for k, v in document.items() if k != "object"})


@defect(breaks="OC-004", also=(SDK,), seen=("C31",))
def calls_a_completion_a_chunk(gateway: Gateway) -> Gateway:
    """Sends chat.completion.chunk as the object of an answer that is not streamed."""
    return replace(gateway, completion_object="chat.completion.chunk")


@defect(breaks="OC-005")
def tells_the_time_in_milliseconds(gateway: Gateway) -> Gateway:
    """Sends created in milliseconds."""
    return replace(gateway, created=lambda call: int(call.state.clock.now() * 1000))


@defect(breaks="OC-005")
def tells_the_time_as_text(gateway: Gateway) -> Gateway:
    """Sends created as an ISO 8601 string."""
    return replace(gateway, completed=with_members(created="2026-11-20T12:00:00Z"))


@defect(breaks="OC-005")
def never_fills_in_created(gateway: Gateway) -> Gateway:
    """Sends 0 as created."""
    return replace(gateway, completed=with_members(created=0))


@defect(breaks="OC-006", also=("OC-086", "VT-003"), seen=("C32",))
def names_the_build_of_the_model(gateway: Gateway) -> Gateway:
    """Names the provider's quantised build in whole answers, and the requested model in streams."""
    return replace(gateway, model_echo=lambda call: f"{call.model}-fp4")


@defect(breaks="OC-006", also=("VT-003",), hidden_in=("voltagegpu-openapi", "volt-control-plane"))
def drops_the_vendor_of_the_model(gateway: Gateway) -> Gateway:
    """Names the model without the part of its id before the slash."""

    def bare(call: Call) -> str:
        return call.model.rpartition("/")[2]

    return replace(gateway, model_echo=bare, stream_model_echo=bare)


@defect(breaks="OC-007", also=("OC-031", "OC-032", "OC-040", "OC-065", "OC-151", "VT-053", SDK, *TEXT), seen=("C34",))
def sends_null_choices(gateway: Gateway) -> Gateway:
    """Sends null as choices."""
    return replace(gateway, completed=with_members(choices=None))


@defect(breaks="OC-007", also=("OC-031", "OC-032", "OC-151", "VT-053", SDK, *TEXT))
def counts_choices_from_one(gateway: Gateway) -> Gateway:
    """Gives the first choice the index 1."""
    return replace(gateway, completed=each_choice(lambda choice: {**choice, "index": choice["index"] + 1}))


@defect(breaks="OC-007")
def gives_every_choice_the_index_0(gateway: Gateway) -> Gateway:
    """Gives all of several choices the index 0."""
    return replace(gateway, completed=each_choice(lambda choice: {**choice, "index": 0}))


@defect(breaks="OC-008", also=(SDK,))
def answers_as_the_bot(gateway: Gateway) -> Gateway:
    """Sends messages with a role that no request may hold."""
    return replace(gateway, completed=each_message(role="bot"))


@defect(breaks="OC-009", also=("OC-045", "OC-046", "OC-142", "VT-058", SDK, *TEXT))
def sends_null_for_text(gateway: Gateway) -> Gateway:
    """Sends the text in a member of its own and null as content."""
    return replace(gateway, completed=each_message(content=None))


@defect(breaks="OC-009", also=("OC-045", "OC-046", "OC-142", "VT-058", SDK, *TEXT))
def sends_content_in_parts(gateway: Gateway) -> Gateway:
    """Sends the content as an array of parts, as requests may hold it."""

    def parted(choice: Json) -> Json:
        text = choice["message"]["content"]
        return {**choice, "message": {**choice["message"], "content": text and [{"type": "text", "text": text}]}}

    return replace(gateway, completed=each_choice(parted))


@defect(breaks="OC-010", also=("OC-037", "OC-038", "OC-039", "OC-071", SDK), seen=("C52",))
def says_end_turn(gateway: Gateway) -> Gateway:
    """Passes on the finish_reason of another vendor's API."""
    return replace(gateway, finish_reason=lambda call, finish: "end_turn" if finish == "stop" else finish)


@defect(
    breaks="OC-010",
    also=("OC-031", "OC-032", "OC-037", "OC-038", "OC-039", "OC-060", "OC-071", "VT-053", "VT-057", SDK),
)
def leaves_finish_reason_null(gateway: Gateway) -> Gateway:
    """Sends null as the finish_reason of a whole answer."""
    return replace(gateway, finish_reason=lambda call, finish: None)


@defect(breaks="OC-013", also=("OC-041", "OC-045", "OC-046", "OC-072", "OC-090", "VT-058"), seen=("C74",))
def leaks_its_thinking(gateway: Gateway) -> Gateway:
    """Puts the model's private reasoning in front of the content, in think tags."""

    def message(call: Call, pieces: list[Piece]) -> Json:
        honest = completion.message(call, pieces)
        return {**honest, "content": f"<think>The user wants an answer.</think>{honest['content']}"}

    return replace(gateway, message=message)


@defect(breaks="OC-053")
def sends_logprobs_unasked(gateway: Gateway) -> Gateway:
    """Fills in logprobs although nobody asked."""
    unasked = {"content": [{"token": "Hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
    return replace(gateway, completed=each_choice(lambda choice: {**choice, "logprobs": choice["logprobs"] or unasked}))


# --- Usage -----------------------------------------------------------------------------------------------------


def counting(prompt: int | None = None, completion_: int | None = None, **more: int) -> Callable[[Call, Any], Json]:
    """Reported usage with other counts and a total that is right for them; `more` adds to a count."""

    def report(call: Call, usage: dict[str, int]) -> Json:
        told = usage["prompt_tokens"] if prompt is None else prompt
        made = usage["completion_tokens"] if completion_ is None else completion_
        told, made = told + more.get("more_prompt", 0), made + more.get("more_completion", 0)
        return {"prompt_tokens": told, "completion_tokens": made, "total_tokens": told + made}

    return report


@defect(breaks="OC-011", also=("OC-023", "OC-095", "OC-140", "OC-141", "VT-053", SDK), seen=("C50",))
def leaves_out_usage(gateway: Gateway) -> Gateway:
    """Sends whole answers without usage."""
    return replace(gateway, reported_usage=lambda call, usage: None)


@defect(breaks="OC-011", also=("OC-023", "OC-095", "OC-140", "OC-141", "VT-053", SDK))
def counts_in_text(gateway: Gateway) -> Gateway:
    """Sends the counts of usage as strings."""
    return replace(gateway, reported_usage=lambda call, usage: {name: str(count) for name, count in usage.items()})


@defect(breaks="OC-012")
def totals_the_completion_alone(gateway: Gateway) -> Gateway:
    """Sends the completion's tokens as the total."""
    return replace(gateway, reported_usage=lambda call, usage: {**usage, "total_tokens": usage["completion_tokens"]})


@defect(breaks="OC-140", also=("OC-095", "VT-042", "VT-091", "VT-092", "VT-100"))
def counts_a_prompt_differently_each_time(gateway: Gateway) -> Gateway:
    """Adds prompt tokens that depend on the call and not on the prompt."""
    calls = itertools.count()

    def report(call: Call, usage: dict[str, int]) -> Json | None:
        return counting(more_prompt=next(calls) % 7)(call, usage)

    return replace(gateway, reported_usage=report)


@defect(breaks="OC-141", also=("VT-042", "VT-091", "VT-092", "VT-094", "VT-100"))
def counts_every_prompt_the_same(gateway: Gateway) -> Gateway:
    """Reports 12 prompt tokens whatever the prompt."""
    return replace(gateway, reported_usage=counting(prompt=12), reported_stream_usage=counting(prompt=12))


@defect(breaks="OC-142", also=("VT-042", "VT-053", "VT-091", "VT-092"))
def counts_no_output(gateway: Gateway) -> Gateway:
    """Reports 0 completion tokens whatever the output."""
    return replace(gateway, reported_usage=counting(completion_=0))


@defect(breaks="OC-142", also=("OC-031", "OC-032", "VT-042", "VT-053", "VT-091", "VT-092", "VT-100"))
def counts_output_that_never_came(gateway: Gateway) -> Gateway:
    """Reports 1000 completion tokens more than the answer holds."""
    return replace(gateway, reported_usage=counting(more_completion=1000))


@defect(breaks="OC-142")
def counts_nothing_for_several_choices(gateway: Gateway) -> Gateway:
    """Reports no tokens at all when several choices were asked for."""

    def report(call: Call, usage: dict[str, int]) -> Json | None:
        return counting(completion_=0)(call, usage) if call.body.get("n", 1) > 1 else usage

    return replace(gateway, reported_usage=report)


@defect(breaks="OC-143", also=("VT-093",))
def counts_a_hidden_system_prompt(gateway: Gateway) -> Gateway:
    """Reports 2000 prompt tokens for instructions that the user never sent."""

    def usage(job: Job, prompt: int, made: int) -> dict[str, int]:
        return {"prompt_tokens": prompt + 2000, "completion_tokens": made, "total_tokens": prompt + 2000 + made}

    return replace(gateway, engine_usage=usage)
