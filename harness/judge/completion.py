"""Rules for the completion object of an answer that is not streamed. They never look at the model's wording."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.chat import (
    FINISH_REASONS,
    asked,
    asks_stream,
    choices,
    content,
    indices,
    is_chunked,
    is_completion,
    is_filled,
    is_integer,
    is_served,
    member,
)
from harness.wire.exchange import Exchange, TargetFault
from specs import Contract

CLOCK_SKEW_S = 300
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
THINK = re.compile(r"</?think(ing)?>", re.IGNORECASE)
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}")
_REASONS_FOR_NULL = ("tool_calls", "refusal", "function_call", "audio")


def was_whole(x: Exchange) -> bool:
    """A chat call that did not ask for a stream and was answered 200."""
    return is_served(x) and x.complete and not asks_stream(x) and asked(x).get("stream") in (None, False)


def shown(value: object) -> str:
    """A value as it reads in a finding."""
    text = "absent" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


@rule("OC-001", on=was_whole)
def answer_is_one_json_object(x: Exchange, contract: Contract) -> Problems:
    """A completion is application/json and one JSON object."""
    kind = x.media_type or "absent"
    if kind != "application/json":
        yield Problem("the answer is not application/json", expected="application/json", observed=kind)
    try:
        if not isinstance(x.json, dict):
            yield Problem("the body is not one JSON object", expected="one JSON object", observed=shown(x.text[:60]))
    except TargetFault as fault:
        yield Problem("the body cannot be decoded", expected="one JSON object", observed=str(fault))


@rule("OC-002", on=is_completion)
def id_is_a_filled_string(x: Exchange, contract: Contract) -> Problems:
    """The id of a completion is a non-empty string."""
    if not is_filled(x.json.get("id")):
        yield Problem("id is not a non-empty string", expected="a non-empty string", observed=shown(x.json.get("id")))


@rule("OC-004", on=is_completion)
def object_is_chat_completion(x: Exchange, contract: Contract) -> Problems:
    """The member object is chat.completion."""
    if x.json.get("object") != "chat.completion":
        yield Problem("object is not chat.completion", expected="chat.completion", observed=shown(x.json.get("object")))


@rule("OC-005", on=is_completion)
def created_is_the_time_of_the_call(x: Exchange, contract: Contract) -> Problems:
    """created is unix seconds near the time at which the request was sent."""
    created = x.json.get("created")
    if not is_integer(created):
        yield Problem("created is not an integer", expected="unix seconds", observed=shown(created))
        return
    sent = int(datetime.datetime.fromisoformat(x.started).timestamp())
    latest = sent + x.end_ns // 10**9 + CLOCK_SKEW_S
    if not sent - CLOCK_SKEW_S <= created <= latest:
        yield Problem(
            "created is not the time of the call", expected=f"{sent}, give or take 300 s", observed=shown(created)
        )


def _names_a_model(x: Exchange) -> bool:
    return is_completion(x) and is_filled(asked(x).get("model"))


@rule("OC-006", on=_names_a_model)
def model_is_the_one_asked_for(x: Exchange, contract: Contract) -> Problems:
    """model is the requested id, or that id with a dated suffix."""
    wanted, named = asked(x)["model"], x.json.get("model")
    if not is_version_of(named, wanted):
        yield Problem("model is not the model that was asked for", expected=shown(wanted), observed=shown(named))


def is_version_of(named: object, wanted: str) -> bool:
    """Whether a model name is the wanted id, or the wanted id with a suffix such as -2026-11-20."""
    if not isinstance(named, str) or not named.startswith(wanted):
        return False
    return named == wanted or _DATED.fullmatch(named.removeprefix(wanted)) is not None


@rule("OC-007", on=is_completion)
def choices_are_filled_and_indexed(x: Exchange, contract: Contract) -> Problems:
    """choices is a non-empty array of objects with the indices 0 to k-1."""
    found = x.json.get("choices")
    if not isinstance(found, list) or not found:
        yield Problem("choices is not a non-empty array", expected="a non-empty array", observed=shown(found))
        return
    numbers = [member(choice, "index") for choice in found]
    if not all(map(is_integer, numbers)) or sorted(numbers) != list(range(len(found))):
        due = list(range(len(found)))
        yield Problem("the choices are not indexed from 0 without a gap", expected=shown(due), observed=shown(numbers))


def messages(x: Exchange) -> Iterator[tuple[int, Any]]:
    """The message of each choice with its place in the array, whatever type it has."""
    return ((place, choice.get("message")) for place, choice in enumerate(choices(x.json)))


def _has_choices(x: Exchange) -> bool:
    return is_completion(x) and bool(choices(x.json))


@rule("OC-008", on=_has_choices)
def message_is_the_assistants(x: Exchange, contract: Contract) -> Problems:
    """Every returned message has the role assistant."""
    for place, message in messages(x):
        if member(message, "role") != "assistant":
            role = shown(member(message, "role"))
            yield Problem(f"the role of message {place} is not assistant", expected="assistant", observed=role)


@rule("OC-009", on=_has_choices)
def content_is_text(x: Exchange, contract: Contract) -> Problems:
    """content is a string, and null only beside something that takes its place."""
    for place, message in messages(x):
        text = member(message, "content")
        excused = text is None and any(member(message, name) for name in _REASONS_FOR_NULL)
        if not isinstance(text, str) and not excused:
            yield Problem(f"the content of message {place} is not text", expected="a string", observed=shown(text))


@rule("OC-010", on=_has_choices)
def finish_reason_is_known(x: Exchange, contract: Contract) -> Problems:
    """finish_reason is one of the documented values."""
    for choice in choices(x.json):
        reason = choice.get("finish_reason")
        if not isinstance(reason, str) or reason not in FINISH_REASONS:
            due = ", ".join(sorted(FINISH_REASONS))
            yield Problem("finish_reason has an unknown value", expected=f"one of {due}", observed=shown(reason))


@rule("OC-011", on=is_completion)
def usage_holds_three_counts(x: Exchange, contract: Contract) -> Problems:
    """usage holds three integers that are not negative."""
    usage = x.json.get("usage")
    if not isinstance(usage, dict):
        yield Problem("the answer has no usage", expected="usage with three counts", observed=shown(usage))
        return
    for name in COUNTS:
        count = usage.get(name)
        if not is_integer(count) or count < 0:
            yield Problem(f"{name} is not a count", expected="an integer of at least 0", observed=shown(count))


def _has_counts(x: Exchange) -> bool:
    return is_completion(x) and all(is_integer(member(x.json.get("usage"), name)) for name in COUNTS)


@rule("OC-012", on=_has_counts)
def total_is_the_sum(x: Exchange, contract: Contract) -> Problems:
    """total_tokens is prompt_tokens plus completion_tokens."""
    prompt, completion, total = (x.json["usage"][name] for name in COUNTS)
    if total != prompt + completion:
        yield Problem("total_tokens is not the sum", expected=f"{prompt} + {completion}", observed=str(total))


def _has_text(x: Exchange) -> bool:
    """An answer with text to a prompt that does not itself speak of the markup."""
    answered = is_completion(x) or is_chunked(x)
    return answered and not THINK.search(x.request.body.decode(errors="replace")) and bool(indices(x))


@rule("OC-013", on=_has_text)
def content_holds_no_think_markup(x: Exchange, contract: Contract) -> Problems:
    """The content of an answer holds no think tags."""
    for index in indices(x):
        if found := THINK.search(content(x, index)):
            yield Problem(f"the content holds the tag {found.group()}", observed=shown(content(x, index)[:60]))


@rule("OC-053", on=_has_choices)
def logprobs_only_when_asked(x: Exchange, contract: Contract) -> Problems:
    """logprobs is absent or null when it was not asked for."""
    if asked(x).get("logprobs") or asked(x).get("top_logprobs") is not None:
        return
    for choice in choices(x.json):
        if choice.get("logprobs") is not None:
            yield Problem("logprobs came without being asked for", expected="absent or null", observed="present")
