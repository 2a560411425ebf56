"""Judges of refusals: envelope, status and what an error must not say. Nothing about why a request was refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from harness.exchange import Exchange
from harness.judge import Problem, Problems, rule
from harness.judge.calls import (
    asked,
    bearer,
    error,
    error_code,
    is_api_call,
    is_chat_call,
    is_integer,
    is_refusal,
)
from harness.judge.invalidity import invalid_members
from specs import Contract

READ = 65536  # characters of an answer that a text search reads
WINDOW = 20  # characters of a prompt that cannot stand in an error by chance
VOLTAGE_MEMBERS = {"message", "type", "code", "status"}


@rule("OC-110", on=is_refusal)
def error_has_the_envelope(x: Exchange, contract: Contract) -> Problems:
    """The body is an object with the member error, which holds a message and a type."""
    yield from _envelope(x.json)


@rule("OC-110", on=lambda x: bool(_error_events(x)))
def error_event_has_the_envelope(x: Exchange, contract: Contract) -> Problems:
    """An error inside a stream has the same envelope as one that comes before it."""
    for document in _error_events(x):
        yield from _envelope(document)


@rule("VT-070", on=is_refusal)
def error_is_the_one_envelope(x: Exchange, contract: Contract) -> Problems:
    """Whatever refused the request, the answer is an object with the member error and nothing beside it."""
    yield from _envelope(x.json)
    if isinstance(x.json, dict) and (others := sorted(x.json.keys() - {"error"})):
        yield Problem("the error body has members beside error", "error alone", ", ".join(others)[:200])


@rule("VT-071", on=lambda x: is_refusal(x) and bool(error(x)))
def error_has_exactly_four_members(x: Exchange, contract: Contract) -> Problems:
    """The error holds message, type, code and status; status repeats the HTTP status."""
    found = error(x)
    if found.keys() != VOLTAGE_MEMBERS:
        yield Problem(
            "the error object has other members than documented",
            ", ".join(sorted(VOLTAGE_MEMBERS)),
            ", ".join(sorted(found))[:200],
        )
    for name in ("message", "type", "code"):
        if not isinstance(found.get(name), str) or not found[name]:
            yield Problem(f"error.{name} is not a non-empty string", "a string", repr(found.get(name))[:80])
    status = found.get("status")
    if not is_integer(status) or status != x.head_status:
        yield Problem("error.status is not the HTTP status", str(x.head_status), repr(status)[:80])


@rule("OC-111", on=is_refusal)
def error_is_json(x: Exchange, contract: Contract) -> Problems:
    """The Content-Type of an error is application/json."""
    media = (x.header("content-type") or "").split(";")[0].strip().lower()
    if media != "application/json":
        yield Problem("an error was not sent as JSON", "application/json", media or "no Content-Type")


def _is_sound_chat_call(x: Exchange) -> bool:
    """A request that only its credential can make wrong, and that no rate limit answered."""
    return is_chat_call(x) and x.head_status != 429 and not invalid_members(x.request.json)


@rule("OC-112", on=lambda x: _is_sound_chat_call(x) and bearer(x) is None and x.key is None)
def no_key_is_401(x: Exchange, contract: Contract) -> Problems:
    """A chat request without a credential is refused with 401."""
    if x.head_status != 401:
        yield Problem("a request without a key was not refused with 401", "401", str(x.head_status))


@rule("OC-113", on=lambda x: _is_sound_chat_call(x) and x.key == "wrong")
def wrong_key_is_401(x: Exchange, contract: Contract) -> Problems:
    """A chat request with a key that was never issued is refused with 401."""
    if x.head_status != 401:
        yield Problem("a key that was never issued was not refused with 401", "401", str(x.head_status))


@rule("OC-116", on=lambda x: is_chat_call(x) and bool(invalid_members(x.request.json)))
def invalid_input_is_no_server_error(x: Exchange, contract: Contract) -> Problems:
    """An invalid chat request is not answered with a 5xx status; a server that asks to retry later is busy."""
    overloaded = x.head_status == 503 and x.header("retry-after") is not None
    if (x.head_status or 0) >= 500 and not overloaded:
        wrong = ", ".join(invalid_members(x.request.json))
        yield Problem(f"an invalid request was answered as a fault of the server: {wrong}", "4xx", str(x.head_status))


@rule("OC-117", on=lambda x: is_refusal(x) and bool(_prompt_texts(x)))
def error_does_not_echo_the_prompt(x: Exchange, contract: Contract) -> Problems:
    """No run of the prompt's characters stands in the error."""
    answer = x.text[:READ] + "\n" + "\n".join(_strings(x.json))[:READ]
    for text in _prompt_texts(x):
        if any(window in answer for window in _windows(text)):
            yield Problem("the error repeats text of the prompt", "no text of the prompt", x.text[:200])
            return


INTERNALS = {
    "a traceback": re.compile(r"Traceback \(most recent call last\)|\n\s+at \S.*:\d+:\d+|goroutine \d+ \[|panicked at"),
    "a file path": re.compile(
        r"(?<![\w.:/])/(?:usr|home|opt|var|app|srv|root|workspace|tmp|build|src)/[\w./-]+\.\w+"
        r"|File \"[^\"]+\", line \d+|[A-Z]:\\\\?[\w\\ ]+\.\w+|[\w-]+\.(?:py|rs|go|ts|js):\d+"
    ),
    "a language representation": re.compile(
        r"<class '|<[\w.]+ object at 0x|\{'[\w-]+': |\[\{'|\('\w+', ?'\w+'|\b\w+(?:Error|Exception)\(|NoneType"
        r"|pydantic|errors\.pydantic\.dev"
    ),
    "an address of an upstream": re.compile(
        r"https?://(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|[\w.-]+\.(?:internal|local|svc|lan|cluster)\b|[\w.-]+:\d{2,5})[^\s'\"<>]*"
        r"|\bECONNREFUSED\b|connect(?:ion)? (?:to|refused)[^\"]{0,40}\d{1,3}(?:\.\d{1,3}){3}"
    ),
}


@rule("OC-118", on=is_refusal)
def error_does_not_leak_internals(x: Exchange, contract: Contract) -> Problems:
    """No traceback, file path, language representation or upstream address; words of the request may come back."""
    answer = x.text[:READ] + "\n" + "\n".join(_strings(x.json))[:READ]
    sent = x.request.body[:READ].decode(errors="replace") + x.request.url
    for what, pattern in INTERNALS.items():
        leaked = next(
            (match.group() for match in pattern.finditer(answer) if not _is_ours(match.group(), sent, x)), None
        )
        if leaked:
            yield Problem(f"the error holds {what}", "nothing of the inside", leaked.strip()[:120])


@rule("OC-119", on=lambda x: is_chat_call(x) and asked(x).get("stream") is True and bool(invalid_members(asked(x))))
def invalid_stream_is_refused_as_json(x: Exchange, contract: Contract) -> Problems:
    """An invalid request that asks for a stream gets a 4xx status and no event stream."""
    if not 400 <= (x.head_status or 0) < 500:
        yield Problem("an invalid streamed request was not refused with 4xx", "4xx", str(x.head_status))
    if x.is_stream:
        yield Problem(
            "an invalid streamed request was answered with an event stream", "a JSON error", "text/event-stream"
        )


def _has_one_wrong_parameter(x: Exchange) -> bool:
    wrong = invalid_members(x.request.json)
    return is_chat_call(x) and is_refusal(x) and x.head_status in {400, 422} and len(wrong) == 1 and wrong != ["body"]


@rule("OC-122", on=_has_one_wrong_parameter)
def error_names_the_parameter(x: Exchange, contract: Contract) -> Problems:
    """The message or the member param names the one parameter that is wrong."""
    name = invalid_members(x.request.json)[0]
    found = error(x)
    if error_code(x) == contract.trait("errors.unknown_model_code", default=None) and name == "model":
        return  # a model id that is no string is refused by the gate, which speaks of nothing but models
    said = f"{found.get('message')} {found.get('param')}".lower()
    if name not in said and name.removesuffix("s") not in said:
        yield Problem(f"the error does not name the parameter {name}", name, str(found.get("message"))[:200])


@rule("OC-123", on=lambda x: is_api_call(x) and bearer(x) is not None)
def key_does_not_come_back(x: Exchange, contract: Contract) -> Problems:
    """The caller's key stands in no header and in no body of an answer."""
    key = bearer(x) or ""
    if len(key) < 8:
        return
    if any(key in value for _, value in x.headers):
        yield Problem("a response header holds the caller's key")
    if key in x.text:
        yield Problem("the response body holds the caller's key")


def _envelope(document: Any) -> Problems:
    if not isinstance(document, dict):
        yield Problem("the error body is not a JSON object", "an object", type(document).__name__)
        return
    found = document.get("error")
    if not isinstance(found, dict):
        yield Problem("the error body has no object named error", "error: {...}", ", ".join(sorted(document))[:120])
        return
    for name in ("message", "type"):
        if not isinstance(found.get(name), str) or not found[name].strip():
            yield Problem(f"error.{name} is not a non-empty string", "a string", repr(found.get(name))[:80])
    for name in ("code", "param"):
        if not isinstance(found.get(name), str | int | None):
            yield Problem(f"error.{name} is neither a string nor null", "a string or null", repr(found[name])[:80])


def _error_events(x: Exchange) -> list[dict[str, Any]]:
    """Documents of a stream that carry an error."""
    if x.head_status != 200 or not x.is_stream:
        return []
    found = []
    for event in x.events:
        document = _document(event.data)
        if isinstance(document, dict) and document.get("error") is not None:
            found.append(document)
    return found


def _prompt_texts(x: Exchange) -> list[str]:
    """Message texts long enough to be recognised."""
    messages = asked(x).get("messages")
    texts: list[str] = [messages] if isinstance(messages, str) else []
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else message
        texts += [content] if isinstance(content, str) else [text for text in _strings(content) if text]
    return [text for text in texts if len(text) >= WINDOW]


def _windows(text: str) -> Iterator[str]:
    """Runs of the text, half a window apart; runs of one or two letters mean nothing."""
    ends = text if len(text) <= 2 * READ // 16 else text[: READ // 16] + text[-READ // 16 :]
    for start in range(0, max(len(ends) - WINDOW, 0) + 1, WINDOW // 2):
        window = ends[start : start + WINDOW]
        if len(set(window)) > 4:
            yield window


def _strings(document: Any, depth: int = 0) -> list[str]:
    """All strings of a JSON document, not deeper than people nest."""
    if isinstance(document, str):
        return [document]
    if depth > 20:
        return []
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [text for item in inner for text in _strings(item, depth + 1)]


def _is_ours(leaked: str, sent: str, x: Exchange) -> bool:
    """Whether the words were in the request: what we wrote may come back, and so may our own address."""
    return leaked.strip() in sent or leaked.startswith(
        f"{urlsplit(x.request.url).scheme}://{urlsplit(x.request.url).netloc}/"
    )
