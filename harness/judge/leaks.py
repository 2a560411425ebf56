"""Judges of what an answer must not give away: the prompt, the inside of the service, the caller's key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from harness.judge import Problem, Problems, rule
from harness.judge.calls import credential, is_api_call, is_refusal
from harness.judge.chat import asked, listed, member
from harness.wire.exchange import Exchange
from specs import Contract

READ = 65536  # characters of an answer that a search reads
WINDOW = 20  # characters of a prompt that do not stand in an error by chance
DEPTH = 20  # nesting below which nobody looks for strings

INTERNALS = {
    "a traceback": re.compile(
        r"Traceback \(most recent call last\)|\n\s+at \S.*:\d+:\d+|goroutine \d+ \[|panicked at "
    ),
    "a file path": re.compile(
        r"(?<![\w.:/])/(?:usr|home|opt|var|app|srv|root|workspace|tmp|build|src)/[\w./-]+\.\w+"
        r"|File \"[^\"]+\", line \d+|\b[A-Z]:\\[\w\\ ]+\.\w+|\b[\w-]+\.(?:py|rs|go|ts|js):\d+"
    ),
    "a language representation": re.compile(
        r"<class '|<[\w.]+ object at 0x|\{'[\w-]+': |\('\w+', ?'\w+'|\b\w+(?:Error|Exception)\(|\bNoneType\b|pydantic"
        r"|'\w+' object (?:has no attribute|is not) |Cannot read propert(?:y|ies) of (?:null|undefined)"
        r"|Maximum call stack size exceeded|maximum recursion depth exceeded"
    ),
    "the address of an upstream": re.compile(
        r"https?://(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|[\w.-]+\.(?:internal|local|svc|lan|cluster)\b|[\w.-]+:\d{2,5})"
        r"[^\s'\"<>]*|\bECONNREFUSED\b"
    ),
}


@rule("OC-117", on=lambda x: is_refusal(x) and bool(_prompt_texts(x)))
def error_does_not_echo_the_prompt(x: Exchange, contract: Contract) -> Problems:
    """No run of the prompt's characters stands in the error."""
    answer = _readable(x)
    if any(window in answer for text in _prompt_texts(x) for window in _windows(text)):
        yield Problem("the error repeats text of the prompt", "no text of the prompt", x.text[:200])


@rule("OC-118", on=is_refusal)
def error_does_not_leak_internals(x: Exchange, contract: Contract) -> Problems:
    """No traceback, path, representation or upstream address. What the request said itself may come back."""
    answer, sent = _readable(x), x.request.body[:READ].decode(errors="replace") + x.request.url
    for what, pattern in INTERNALS.items():
        leaked = (match.group().strip() for match in pattern.finditer(answer))
        if words := next((words for words in leaked if words not in sent and not _is_own_address(words, x)), None):
            yield Problem(f"the error holds {what}", "nothing of the inside", words[:120])


@rule("OC-123", on=lambda x: is_api_call(x) and len(credential(x) or "") >= 8)
def key_does_not_come_back(x: Exchange, contract: Contract) -> Problems:
    """The caller's key stands in no header and in no body of an answer."""
    key = credential(x) or ""
    if holders := [name for name, value in x.headers if key in value]:
        yield Problem("a response header holds the caller's key", observed=", ".join(holders)[:120])
    if key in x.text:
        yield Problem("the response body holds the caller's key")


def _readable(x: Exchange) -> str:
    """The body as it was sent and, below it, its strings with JSON's escapes undone."""
    return x.text[:READ] + "\n" + "\n".join(_strings(x.json))[:READ]


def _prompt_texts(x: Exchange) -> list[str]:
    """Message texts long enough to be recognised."""
    messages = asked(x).get("messages")
    contents = [member(message, "content") or message for message in listed(messages)] or [messages]
    return [text for content in contents for text in _strings(content) if len(text) >= WINDOW]


def _windows(text: str) -> Iterator[str]:
    """Runs of the text, half a window apart, of its beginning and its end; a run of few letters means nothing."""
    ends = text if len(text) <= READ // 8 else text[: READ // 16] + "\n" + text[-READ // 16 :]
    for start in range(0, len(ends) - WINDOW + 1, WINDOW // 2):
        window = ends[start : start + WINDOW]
        if len(set(window)) > 4:
            yield window


def _strings(document: Any, depth: int = 0) -> list[str]:
    if isinstance(document, str):
        return [document]
    if depth > DEPTH:
        return []
    inner = document.values() if isinstance(document, dict) else listed(document)
    return [text for item in inner for text in _strings(item, depth + 1)]


def _is_own_address(words: str, x: Exchange) -> bool:
    """Whether this is the address the request went to."""
    try:
        own = urlsplit(x.request.url)
    except ValueError:
        return False
    return words.startswith(f"{own.scheme}://{own.netloc}")
