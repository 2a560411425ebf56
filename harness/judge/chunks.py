"""Rules about the chunks of a stream: their constant members, deltas, finish reasons, usage and logprobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.chat import (
    FINISH_REASONS,
    asked,
    asked_bound,
    asked_choices,
    asked_stops,
    asks_usage,
    choices,
    chunks,
    content,
    finish_reasons,
    indices,
    is_chunked,
    is_cut,
    is_filled,
    is_finished,
    is_integer,
    listed,
    member,
    objects,
    parts,
    shown,
)
from harness.wire.exchange import Exchange
from specs import Contract

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def has_chunks(x: Exchange) -> bool:
    """A stream of which at least one chunk arrived."""
    return is_chunked(x) and bool(chunks(x))


def says_something(x: Exchange) -> bool:
    """A stream that delivered text."""
    return is_chunked(x) and any(is_filled(delta.get("content")) for _, delta, _ in parts(x))


def has_content(x: Exchange) -> bool:
    """A stream with something in the place of text, or where a delta should be."""
    return is_chunked(x) and any(delta.get("content") or "delta" not in choice for _, delta, choice in parts(x))


def asked_for_usage(x: Exchange) -> bool:
    return is_finished(x) and asks_usage(x)


def did_not_ask_for_usage(x: Exchange) -> bool:
    return has_chunks(x) and not asks_usage(x)


def reports_usage(x: Exchange) -> bool:
    return is_chunked(x) and bool(_usages(x))


def asks_several(x: Exchange) -> bool:
    return is_finished(x) and asked_choices(x) > 1


def is_bounded(x: Exchange) -> bool:
    """A finished stream that was given a bound and says how many tokens it has."""
    return is_finished(x) and asked_bound(x) is not None and bool(_usages(x))


def has_stops(x: Exchange) -> bool:
    return says_something(x) and bool(asked_stops(x))


def asks_logprobs(x: Exchange) -> bool:
    return says_something(x) and asked(x).get("logprobs") is True


# --- Members that are the same in every chunk ------------------------------------------------------------------


@rule("OC-083", on=has_chunks)
def one_id_in_all_chunks(x: Exchange, contract: Contract) -> Problems:
    """All chunks carry the same non-empty id."""
    yield from _constant(x, "id", is_filled, "a non-empty string")


@rule("OC-084", on=has_chunks)
def object_is_chunk(x: Exchange, contract: Contract) -> Problems:
    """The object of every chunk is chat.completion.chunk."""
    kinds = [chunk.get("object") for chunk in chunks(x)]
    wrong = [kind for kind in kinds if kind != "chat.completion.chunk"]
    if wrong:
        yield Problem(
            f"object is wrong in {len(wrong)} of {len(kinds)} chunks", "chat.completion.chunk", shown(wrong[0])
        )


@rule("OC-085", on=has_chunks)
def one_created_in_all_chunks(x: Exchange, contract: Contract) -> Problems:
    """All chunks carry the same integer created."""
    yield from _constant(x, "created", is_integer, "an integer")


@rule("OC-086", on=has_chunks)
def one_model_in_all_chunks(x: Exchange, contract: Contract) -> Problems:
    """All chunks carry the same model."""
    yield from _constant(x, "model", is_filled, "a non-empty string")


def _constant(x: Exchange, name: str, fits: Callable[[object], bool], kind: str) -> Problems:
    values = [chunk.get(name) for chunk in chunks(x)]
    if misfits := [value for value in values if not fits(value)]:
        yield Problem(f"{name} is wrong in {len(misfits)} of {len(values)} chunks", kind, shown(misfits[0]))
    elif any(value != values[0] for value in values):
        distinct = list(dict.fromkeys(values))
        yield Problem(f"{name} has {len(distinct)} values in one stream", "one value", shown(distinct[:3]))


@rule("OC-087", on=has_chunks)
def choices_is_an_array(x: Exchange, contract: Contract) -> Problems:
    """Every chunk has choices, and it is an array."""
    missing = [chunk for chunk in chunks(x) if "choices" not in chunk]
    wrong = [chunk["choices"] for chunk in chunks(x) if "choices" in chunk and not isinstance(chunk["choices"], list)]
    if missing:
        yield Problem(f"choices is missing in {len(missing)} chunks", "an array", shown(sorted(missing[0])))
    if wrong:
        yield Problem(f"choices is no array in {len(wrong)} chunks", expected="an array", observed=shown(wrong[0]))


# --- Deltas ----------------------------------------------------------------------------------------------------


@rule("OC-088", on=has_chunks)
def role_is_first_and_once(x: Exchange, contract: Contract) -> Problems:
    """The first delta of each choice carries the role assistant, and no later one a role."""
    for index in indices(x):
        roles = [delta.get("role") for at, delta, _ in parts(x) if at == index]
        if roles[0] != "assistant":
            yield Problem(f"the first delta of choice {index} has no role assistant", "assistant", shown(roles[0]))
        if repeats := sum(role is not None for role in roles[1:]):
            yield Problem(f"choice {index} names a role in {repeats} later deltas", expected="only in the first delta")


@rule("OC-089", on=is_finished)
def each_choice_finishes_once(x: Exchange, contract: Contract) -> Problems:
    """Each choice has one known finish_reason, and nothing is said after it."""
    reasons = finish_reasons(x)
    if not reasons:
        yield Problem("the stream holds no choice", expected="a choice with a finish_reason")
    for index, given in reasons.items():
        if len(given) != 1:
            yield Problem(f"choice {index} has {len(given)} finish reasons", expected="one", observed=shown(given))
        unknown = [reason for reason in given if not (isinstance(reason, str) and reason in FINISH_REASONS)]
        if unknown:
            yield Problem("a finish_reason is unknown", ", ".join(sorted(FINISH_REASONS)), shown(unknown[0]))
        if _said_after_finish(x, index):
            yield Problem(f"choice {index} goes on after its finish_reason", expected="nothing but usage after it")


def _said_after_finish(x: Exchange, index: int) -> bool:
    finished = False
    for _, delta, choice in (part for part in parts(x) if part[0] == index):
        if finished and (is_filled(delta.get("content")) or delta.get("tool_calls")):
            return True
        finished = finished or choice.get("finish_reason") is not None
    return False


@rule("VT-064", on=has_content)
def content_chunks_have_id_and_delta(x: Exchange, contract: Contract) -> Problems:
    """A chunk that says something has an id, and its delta holds the content as a string."""
    for chunk in chunks(x):
        for choice in choices(chunk):
            if not isinstance(choice.get("delta"), dict):
                yield Problem("a choice of a chunk has no delta object", observed=shown(choice))
            elif not isinstance(choice["delta"].get("content", ""), str | None):
                yield Problem("the content of a delta is no string", observed=shown(choice["delta"]["content"]))
            elif choice["delta"].get("content") and not is_filled(chunk.get("id")):
                yield Problem("a chunk with content has no id", observed=shown(chunk.get("id")))


@rule("OC-098", on=asks_several)
def each_of_n_choices_streams(x: Exchange, contract: Contract) -> Problems:
    """n choices arrive, each with its own index, content and end."""
    due, seen = list(range(asked_choices(x))), sorted(indices(x))
    if seen != due:
        yield Problem(f"n is {len(due)} and choices {seen} arrived", expected=f"indices {due}", observed=shown(seen))
    silent = [index for index in seen if not (content(x, index) or _calls(x, index) or is_cut(x, index))]
    yield from (Problem(f"choice {index} delivered nothing", expected="content of its own") for index in silent)
    endless = [index for index, given in finish_reasons(x).items() if not given]
    yield from (Problem(f"choice {index} has no finish_reason", expected="one for each choice") for index in endless)


def _calls(x: Exchange, index: int) -> bool:
    return any(at == index and delta.get("tool_calls") for at, delta, _ in parts(x))


@rule("OC-103", on=has_stops)
def stop_is_never_delivered(x: Exchange, contract: Contract) -> Problems:
    """No stop sequence appears in the text of a stream, not even across chunks."""
    for index in indices(x):
        found = [stop for stop in asked_stops(x) if stop in content(x, index)]
        yield from (
            Problem("a stop sequence was delivered", f"text that ends before {stop!r}", content(x, index)[-120:])
            for stop in found
        )


@rule("OC-104", on=asks_logprobs)
def deltas_carry_logprobs(x: Exchange, contract: Contract) -> Problems:
    """Where logprobs were asked, each delta with text carries its tokens with their log probabilities."""
    said = [choice for _, delta, choice in parts(x) if is_filled(delta.get("content"))]
    bare = [choice for choice in said if not listed(member(choice.get("logprobs"), "content"))]
    if bare:
        yield Problem(
            f"{len(bare)} of {len(said)} deltas with text have no logprobs", "logprobs.content for its tokens"
        )
    entries = [entry for choice in said for entry in objects(member(choice.get("logprobs"), "content"))]
    if any(not isinstance(entry.get("token"), str) or not _is_logprob(entry.get("logprob")) for entry in entries):
        yield Problem(
            "an entry of logprobs lacks a token or a logprob of at most 0", "token, logprob, bytes, top_logprobs"
        )


def _is_logprob(value: Any) -> bool:
    """Whether a JSON number is at most 0 (with room for the rounding of a probability of 1)."""
    return not isinstance(value, bool | str | list | dict | None) and value <= 0.00001


# --- Usage -----------------------------------------------------------------------------------------------------


def _usages(x: Exchange) -> list[dict[str, Any]]:
    return [chunk["usage"] for chunk in chunks(x) if isinstance(chunk.get("usage"), dict)]


@rule("OC-092", on=asked_for_usage)
def one_usage_chunk_at_the_end(x: Exchange, contract: Contract) -> Problems:
    """With include_usage one chunk carries usage: the last one, with choices empty."""
    carriers = [chunk for chunk in chunks(x) if isinstance(chunk.get("usage"), dict)]
    if len(carriers) != 1:
        yield Problem(f"{len(carriers)} chunks carry usage", expected="one, because include_usage was asked for")
        return
    if carriers[0].get("choices") != []:
        yield Problem("the usage chunk has choices", "choices: []", shown(carriers[0].get("choices", "no member")))
    if chunks(x)[-1] is not carriers[0]:
        yield Problem("the usage chunk is not the last chunk", expected="usage directly before [DONE]")


@rule("OC-093", on=asked_for_usage)
def other_chunks_carry_null_usage(x: Exchange, contract: Contract) -> Problems:
    """With include_usage every other chunk carries usage: null."""
    others = [chunk for chunk in chunks(x) if chunk.get("choices")]
    bare = [chunk for chunk in others if chunk.get("usage", "absent") is not None]
    if bare:
        observed = shown(bare[0].get("usage", "no member"))
        yield Problem(
            f"{len(bare)} of {len(others)} chunks with choices do not say usage null", "usage: null", observed
        )


@rule("OC-094", on=did_not_ask_for_usage)
def no_usage_unless_asked(x: Exchange, contract: Contract) -> Problems:
    """Without include_usage no chunk carries counts."""
    if counted := [row for row in _usages(x) if any(is_integer(value) for value in row.values())]:
        yield Problem(f"{len(counted)} chunks carry usage that was not asked for", "none", shown(counted[0]))


@rule("OC-095", on=reports_usage)
def stream_usage_adds_up(x: Exchange, contract: Contract) -> Problems:
    """Usage in a stream is three non-negative integers with the right total."""
    for row in _usages(x):
        prompt, completion, total = (row.get(name) for name in COUNTS)
        if not (is_integer(prompt) and is_integer(completion) and is_integer(total)):
            yield Problem("usage in a stream lacks an integer", ", ".join(COUNTS), shown(row))
        elif min(prompt, completion, total) < 0:
            yield Problem("usage in a stream holds a negative count", observed=shown(row))
        elif prompt + completion != total:
            yield Problem("total_tokens of a stream is not the sum", f"{prompt} + {completion}", str(total))


@rule("OC-102", on=is_bounded)
def stream_keeps_its_bound(x: Exchange, contract: Contract) -> Problems:
    """A stream's completion tokens stay within max_tokens for each choice."""
    bound = (asked_bound(x) or 0) * asked_choices(x)
    counts = [row.get("completion_tokens") for row in _usages(x)]
    over = [count for count in counts if is_integer(count) and count > bound]
    yield from (Problem("a stream has more tokens than max_tokens allows", f"at most {bound}", str(n)) for n in over)


@rule("VT-065", on=is_finished)
def usage_comes_before_done(x: Exchange, contract: Contract) -> Problems:
    """Every completed stream has one usage, in its last chunk, with prompt and completion tokens.

    The page's own sample has neither choices nor total_tokens, so this rule asks for neither (decision G10).
    """
    carriers = [chunk for chunk in chunks(x) if isinstance(chunk.get("usage"), dict)]
    if len(carriers) != 1:
        yield Problem(f"{len(carriers)} chunks carry usage", expected="one, directly before [DONE]")
    elif chunks(x)[-1] is not carriers[0]:
        yield Problem("the usage chunk is not the last chunk", expected="usage directly before [DONE]")
    elif not all(is_integer(carriers[0]["usage"].get(name)) for name in COUNTS[:2]):
        yield Problem("the usage chunk lacks a count", "prompt_tokens, completion_tokens", shown(carriers[0]["usage"]))
