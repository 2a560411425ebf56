"""The brain: what the model says. Deterministic in (model, messages, seed); it understands two commands.

"Count from A to B" and "Repeat exactly: X"; otherwise a few sentences, or a quotation: of a tool's
result, or of a context that a system message holds.
"""

from __future__ import annotations

import functools
import hashlib
import re
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.chance import Chance
from mockserver.behaviours.tokens import text_of, tokenize
from mockserver.wire import encode

if TYPE_CHECKING:
    import random

    from mockserver.upstream import Job

_REPEAT = re.compile(r"repeat exactly:[ \t]*\n?(.*)", re.IGNORECASE | re.DOTALL)
_COUNT = re.compile(r"count from (\d{1,9}) to (\d{1,9})", re.IGNORECASE)
_CONTEXT = re.compile(r"<context>\n(.*?)\n</context>", re.DOTALL)
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_WORDS = re.compile(r"\w+")
_SUBJECTS = ["the enclave", "a careful reader", "the measured image", "this answer", "the gateway", "a quiet server"]
_VERBS = ["keeps", "explains", "checks", "compares", "describes", "returns"]
_STARTS = range(len(_VERBS))
_OBJECTS = ["its promise", "the request", "each number", "a plain result", "the whole story", "what was asked"]
_SHORT = 4096  # characters of a prompt that is remembered
_ENDINGS = ["without delay", "once and only once", "in order", "with some care", "as documented", "before the end"]


def rng_of(job: Job, choice: int) -> random.Random:
    """Randomness of one choice: fixed at temperature 0 or with a seed, otherwise new for every request."""
    body = job.body
    seed, cold = body.get("seed"), body.get("temperature") == 0
    salt = [seed, 0 if cold else choice, None if cold or seed is not None else job.nonce]
    chance: Any = Chance(hashlib.sha256(encode([body["model"], body["messages"], salt])).digest())
    return chance  # type: ignore[no-any-return]


def last_user_text(messages: list[dict[str, Any]]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def compose(job: Job, rng: random.Random) -> str:
    """The text of one choice, before stops and token limits."""
    messages = job.body["messages"]
    if messages[-1].get("role") == "tool":
        return _quote(messages)
    prompt = last_user_text(messages)
    repeated, counted = _commands(prompt) if len(prompt) <= _SHORT else _commands.__wrapped__(prompt)
    if repeated is not None:
        return repeated
    if counted is not None:
        return _count(*counted, job.max_tokens)
    told = _told(messages)
    if told and (found := _CONTEXT.search(told)):
        return _quote_context(found[1], prompt)
    if job.fixed_tokens is not None:
        return _exactly(job.fixed_tokens, rng)
    return " ".join(_sentence(rng) for _ in range(rng.randint(4, 6)))


@functools.lru_cache(maxsize=1024)
def _commands(prompt: str) -> tuple[str | None, tuple[int, int, str] | None]:
    """What to repeat, or from where to where to count and with what between; load tests send the same again."""
    if found := _REPEAT.search(prompt):
        return found[1], None
    if found := _COUNT.search(prompt):
        return None, (int(found[1]), int(found[2]), ", " if "comma" in prompt.lower() else " ")
    return None, None


def _count(first: int, last: int, separator: str, max_tokens: int) -> str:
    step = 1 if last >= first else -1
    stop = last + step
    if abs(stop - first) > max_tokens:
        stop = first + step * (max_tokens + 1)
    return separator.join(map(str, range(first, stop, step)))


def _quote(messages: list[dict[str, Any]]) -> str:
    results = [text_of(message.get("content")) for message in messages if message.get("role") == "tool"]
    return f"The tool answered: {results[-1]}"


def _told(messages: list[dict[str, Any]]) -> str:
    """The first system message."""
    for message in messages:
        if message.get("role") == "system":
            return text_of(message.get("content"))
    return ""


def _quote_context(context: str, prompt: str) -> str:
    """The sentence of the context that has the most words of the prompt; the first of several."""
    asked = set(_WORDS.findall(prompt.lower()))
    sentences = [sentence.strip() for sentence in _SENTENCES.split(context) if sentence.strip()]
    best = max(sentences, key=lambda sentence: len(asked & set(_WORDS.findall(sentence.lower()))))
    return f"According to the context: {best}"


def _sentence(rng: random.Random) -> str:
    words = (rng.choice(_SUBJECTS), rng.choice(_VERBS), rng.choice(_OBJECTS), rng.choice(_ENDINGS))
    return " ".join(words).capitalize() + "."


def _exactly(count: int, rng: random.Random) -> str:
    """A text of exactly `count` tokens, so that a load test knows how long each answer is."""
    return _verbs(count, rng.choice(_STARTS))


@functools.lru_cache(maxsize=64)
def _verbs(count: int, start: int) -> str:
    words = [_VERBS[(start + n) % len(_VERBS)][:6] for n in range(count)]
    text = " ".join(words)
    assert len(tokenize(text)) == count
    return text
