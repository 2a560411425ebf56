"""Rules for parameters that an answer has to show: bounds, stop sequences, number of choices, log-probabilities."""

from __future__ import annotations

from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.chat import (
    asked,
    asked_choices,
    asked_stops,
    choices,
    content,
    index_of,
    indices,
    is_completion,
    is_integer,
    listed,
    member,
    message,
    objects,
    token_count,
)
from harness.judge.completion import shown
from harness.judge.validation import is_number
from harness.wire.exchange import Exchange
from specs import Contract


def _bounded_by(name: str, x: Exchange) -> bool:
    return is_completion(x) and is_integer(asked(x).get(name)) and token_count(x, "completion_tokens") is not None


def _over_the_bound(x: Exchange, bound: int) -> Problems:
    most = bound * max(asked_choices(x), len(indices(x)))
    count = token_count(x, "completion_tokens") or 0
    if count > most:
        yield Problem("completion_tokens is above the bound", expected=f"at most {most}", observed=str(count))


def _only_max_tokens(x: Exchange) -> bool:
    return _bounded_by("max_tokens", x) and asked(x).get("max_completion_tokens") is None


@rule("OC-031", on=_only_max_tokens)
def max_tokens_bounds_the_output(x: Exchange, contract: Contract) -> Problems:
    """completion_tokens is at most max_tokens for each choice."""
    yield from _over_the_bound(x, asked(x)["max_tokens"])


@rule("OC-032", on=lambda x: _bounded_by("max_completion_tokens", x))
def max_completion_tokens_bounds_the_output(x: Exchange, contract: Contract) -> Problems:
    """completion_tokens is at most max_completion_tokens for each choice."""
    yield from _over_the_bound(x, asked(x)["max_completion_tokens"])


def _with_stop(kind: type) -> Any:
    return lambda x: is_completion(x) and isinstance(asked(x).get("stop"), kind) and bool(asked_stops(x))


def _text_past_a_stop(x: Exchange) -> Problems:
    for index in indices(x):
        for stop in asked_stops(x):
            if stop in content(x, index):
                yield Problem(
                    "the output holds a stop sequence",
                    expected=f"ends before {stop!r}",
                    observed=content(x, index)[:80],
                )


@rule("OC-037", on=_with_stop(str))
def output_ends_before_the_stop_string(x: Exchange, contract: Contract) -> Problems:
    """The output does not hold the stop string."""
    yield from _text_past_a_stop(x)


@rule("OC-038", on=_with_stop(list))
def output_ends_before_any_stop(x: Exchange, contract: Contract) -> Problems:
    """The output holds none of the stop strings."""
    yield from _text_past_a_stop(x)


@rule("OC-039", on=lambda x: is_completion(x) and any(len(stop.split()) > 1 for stop in asked_stops(x)))
def long_stop_is_honoured(x: Exchange, contract: Contract) -> Problems:
    """A stop sequence of several words, which no tokenizer has as one token, ends the output."""
    yield from _text_past_a_stop(x)


@rule("OC-040", on=lambda x: is_completion(x) and is_integer(asked(x).get("n")) and asked(x)["n"] > 0)
def n_choices_are_returned(x: Exchange, contract: Contract) -> Problems:
    """There are exactly n choices."""
    due, found = asked_choices(x), len(listed(x.json.get("choices")))
    if found != due:
        yield Problem("the number of choices is not n", expected=str(due), observed=str(found))


# --- Log-probabilities -----------------------------------------------------------------------------------------


def _asks_logprobs(x: Exchange) -> bool:
    return is_completion(x) and asked(x).get("logprobs") is True and any(content(x, at) for at in indices(x))


@rule("OC-041", on=_asks_logprobs)
def logprobs_cover_the_text(x: Exchange, contract: Contract) -> Problems:
    """Every choice has one well-formed entry a token, and the tokens joined give the content."""
    for choice in choices(x.json):
        entries = member(choice.get("logprobs"), "content")
        if not isinstance(entries, list) or not entries:
            yield Problem(
                "a choice has no logprobs", expected="logprobs.content, one entry a token", observed=shown(entries)
            )
            continue
        yield from (Problem(said) for said in dict.fromkeys(_entry_faults(entries)))
        text = content(x, index_of(choice))
        if not _spells(entries, text, x, index_of(choice)):
            joined = "".join(str(member(entry, "token")) for entry in entries)
            yield Problem("the tokens of logprobs do not join to the content", expected=text[:80], observed=joined[:80])


def _entry_faults(entries: list[Any]) -> list[str]:
    faults = []
    for entry in entries:
        if not isinstance(member(entry, "token"), str):
            faults.append("an entry of logprobs has no token")
        if not is_number(member(entry, "logprob")) or entry["logprob"] > 0:
            faults.append("a logprob is no number of at most 0")
        if not (member(entry, "bytes") is None or isinstance(entry["bytes"], list)):
            faults.append("the bytes of a token are neither an array nor null")
        if not isinstance(member(entry, "top_logprobs"), list):
            faults.append("an entry of logprobs has no array top_logprobs")
    return faults


def _spells(entries: list[Any], text: str, x: Exchange, index: int) -> bool:
    """Whether the tokens give the text; markers of the end, a cut stop sequence and reasoning may stand around it."""
    tokens = [str(member(entry, "token") or "") for entry in entries]
    joined, spelled = "".join(tokens), _bytes(entries)
    if joined == text or (spelled is not None and _whole_characters(spelled) == text.encode(errors="replace")):
        return True
    said = message(x, index)
    if asked_stops(x) or said.get("reasoning") or said.get("reasoning_content"):
        return text in joined
    last = tokens[-1]
    return "".join(tokens[:-1]) == text and (last == "" or (last[0] == "<" and last[-1] == ">"))


def _whole_characters(spelled: bytes) -> bytes:
    """Without the beginning of a character at the end: a bound on tokens may cut there, and no text can hold it."""
    for at in range(max(0, len(spelled) - 3), len(spelled)):
        if spelled[at] >= 0xC0:  # the first byte of a character of several
            due = 2 + (spelled[at] >= 0xE0) + (spelled[at] >= 0xF0)
            return spelled[:at] if at + due > len(spelled) else spelled
    return spelled


def _bytes(entries: list[Any]) -> bytes | None:
    rows = [member(entry, "bytes") for entry in entries]
    numbers = [number for row in rows for number in listed(row)]
    if None in rows or not all(is_integer(number) and 0 <= number < 256 for number in numbers):
        return None
    return bytes(numbers)


def _asks_alternatives(x: Exchange) -> bool:
    return _asks_logprobs(x) and is_integer(asked(x).get("top_logprobs")) and asked(x)["top_logprobs"] >= 0


@rule("OC-042", on=_asks_alternatives)
def alternatives_are_at_most_k(x: Exchange, contract: Contract) -> Problems:
    """No token has more than top_logprobs alternatives, and 0 keeps logprobs on."""
    most = asked(x)["top_logprobs"]
    for choice in choices(x.json):
        entries = objects(member(choice.get("logprobs"), "content"))
        if not entries:
            yield Problem("top_logprobs switched logprobs off", expected="one entry a token", observed="none")
        widest = max((len(listed(entry.get("top_logprobs"))) for entry in entries), default=0)
        if widest > most:
            yield Problem("a token has too many alternatives", expected=f"at most {most}", observed=str(widest))
