"""Judges of text completions: the object, its choices, its usage, its stream."""

from __future__ import annotations

from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.calls import path
from harness.judge.chat import asked, is_filled, is_integer, member, objects
from harness.wire.exchange import Exchange
from specs import Contract

OBJECT = "text_completion"
FINISHES = {"stop", "length", "content_filter"}


def is_text(x: Exchange) -> bool:
    """An answered text completion."""
    sent = x.request.method == "POST" and path(x).endswith("/completions") and not path(x).endswith("/chat/completions")
    return sent and x.complete and 200 <= (x.head_status or 0) < 300


def is_whole(x: Exchange) -> bool:
    return is_text(x) and not x.is_stream


def is_streamed(x: Exchange) -> bool:
    return is_text(x) and x.is_stream


def text(x: Exchange) -> str:
    """The text of the first choice, whole or joined."""
    documents = [x.json] if not x.is_stream else objects(list(x.documents))
    choices = [choice for document in documents for choice in objects(member(document, "choices"))]
    return "".join(str(choice.get("text") or "") for choice in choices if choice.get("index", 0) == 0)


@rule("TC-001", on=is_whole)
def answer_is_a_text_completion(x: Exchange, contract: Contract) -> Problems:
    """id, object, created, model and a non-empty array of choices."""
    if x.head_status != 200:
        yield Problem("a text completion was not answered with 200", "200", str(x.head_status))
    if member(x.json, "object") != OBJECT:
        yield Problem("object is not text_completion", OBJECT, repr(member(x.json, "object"))[:80])
    for name in ("id", "model"):
        if not is_filled(member(x.json, name)):
            yield Problem(f"{name} is not a non-empty string", "a string", repr(member(x.json, name))[:80])
    if not is_integer(member(x.json, "created")):
        yield Problem("created is not an integer", "unix seconds", repr(member(x.json, "created"))[:80])
    if not objects(member(x.json, "choices")):
        yield Problem("there are no choices", "a non-empty array", repr(member(x.json, "choices"))[:80])


@rule("TC-002", on=is_whole)
def choices_have_text(x: Exchange, contract: Contract) -> Problems:
    """Index from zero, a string, a known finish_reason."""
    choices = objects(member(x.json, "choices"))
    if sorted(repr(choice.get("index")) for choice in choices) != sorted(map(repr, range(len(choices)))):
        yield Problem("the choices are not numbered from zero", "0 to k-1", str([c.get("index") for c in choices])[:80])
    for choice in choices:
        if not isinstance(choice.get("text"), str):
            yield Problem("the text of a choice is not a string", "a string", repr(choice.get("text"))[:80])
        if not _is_finish(choice.get("finish_reason")):
            yield Problem("finish_reason is not known", "stop or length", repr(choice.get("finish_reason"))[:80])


@rule("TC-003", on=is_whole)
def usage_adds_up(x: Exchange, contract: Contract) -> Problems:
    """Three integers and their sum."""
    prompt, completion, total = _usage(x)
    if not all(is_integer(count) and count >= 0 for count in (prompt, completion, total)):
        yield Problem("usage has not three non-negative integers", "integers", repr((prompt, completion, total))[:80])
    elif prompt + completion != total:
        yield Problem("total_tokens is not the sum", str(prompt + completion), str(total))


@rule("TC-004", on=lambda x: is_whole(x) and is_integer(asked(x).get("max_tokens")))
def output_is_bounded(x: Exchange, contract: Contract) -> Problems:
    """No more tokens than max_tokens times the choices."""
    most = asked(x)["max_tokens"] * (asked(x)["n"] if is_integer(asked(x).get("n")) else 1)
    completion = _usage(x)[1]
    if is_integer(completion) and completion > most:
        yield Problem("more tokens than max_tokens allows", f"at most {most}", str(completion))


@rule("TC-005", on=is_streamed)
def stream_is_of_text(x: Exchange, contract: Contract) -> Problems:
    """Chunks of one id whose choices have texts, one finish, and [DONE] at the end."""
    sent = [event.data for event in x.events if event.data is not None]
    if not sent or sent[-1] != "[DONE]" or sent.count("[DONE]") != 1:
        yield Problem("the stream does not end with one [DONE]", "[DONE]", (sent[-1] if sent else "nothing")[:80])
    chunks = objects(list(x.documents))
    ids, kinds = {str(chunk.get("id")) for chunk in chunks}, {str(chunk.get("object")) for chunk in chunks}
    if len(ids) != 1 or kinds != {OBJECT}:
        seen = f"{len(ids)} ids, {', '.join(sorted(kinds))}"
        yield Problem("the chunks are not text_completion with one id", f"1 id, {OBJECT}", seen[:120])
    choices = [choice for chunk in chunks for choice in objects(chunk.get("choices"))]
    if not any(is_filled(choice.get("text")) for choice in choices):
        yield Problem("no chunk holds text", "text", repr(choices[:1])[:120])
    finishes = [choice["finish_reason"] for choice in choices if choice.get("finish_reason") is not None]
    if len(finishes) != len({repr(choice.get("index")) for choice in choices}) or not all(map(_is_finish, finishes)):
        yield Problem("not every choice finishes exactly once", "stop or length, once", str(finishes)[:80])


def _is_finish(value: Any) -> bool:
    return isinstance(value, str) and value in FINISHES


def _usage(x: Exchange) -> tuple[Any, Any, Any]:
    usage = member(x.json, "usage")
    return member(usage, "prompt_tokens"), member(usage, "completion_tokens"), member(usage, "total_tokens")
