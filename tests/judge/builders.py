"""Hand-made exchanges for the tests of the rules: what a server answered, without a server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.wire.exchange import Chunk, Exchange, Fault, Headers, Request

BASE_URL = "http://127.0.0.1:1/v1"
STARTED = "2026-11-20T12:00:00.000000Z"
CREATED = 1_795_176_000  # STARTED in unix seconds
MODEL = "org/model"
_numbers = itertools.count(1)


def asked(**members: Any) -> dict[str, Any]:
    """A chat request body; members replace or add."""
    return {"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16, **members}


def completion(
    doc: Any,
    *,
    request: Any = None,
    status: int | None = 200,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    path: str = "/chat/completions",
    fault: Fault | None = None,
    intent: Mapping[str, Any] | None = None,
    started: str = STARTED,
) -> Exchange:
    """An exchange answered with one body: a document that becomes JSON, or bytes as they are."""
    body = doc if isinstance(doc, bytes) else json.dumps(doc).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    return _exchange(((0, body),), request, status, sent, method, path, fault, intent, started)


def stream(
    lines: Iterable[Any],
    *,
    request: Any = None,
    status: int | None = 200,
    headers: Mapping[str, str] | None = None,
    at_ms: Sequence[float] | None = None,
    path: str = "/chat/completions",
    fault: Fault | None = None,
    intent: Mapping[str, Any] | None = None,
    started: str = STARTED,
) -> Exchange:
    """An exchange answered with events, one network chunk each.

    A line that is bytes goes out as it is; a string becomes `data: string`; anything else `data:` and JSON.
    `at_ms` gives the arrival times; without it events arrive 10 ms apart.
    """
    frames = [_frame(line) for line in lines]
    times = at_ms if at_ms is not None else [10.0 * n for n in range(1, len(frames) + 1)]
    timed = tuple(zip((int(ms * 1e6) for ms in times), frames, strict=True))
    sent = {"Content-Type": "text/event-stream", **(headers or {})}
    wanted = asked(stream=True) if request is None else request
    return _exchange(timed, wanted, status, sent, "POST", path, fault, intent, started)


def good_completion(**members: Any) -> dict[str, Any]:
    """A completion object as it should be; members replace or add."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [good_choice()],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        **members,
    }


def good_choice(content: str | None = "Hello.", **members: Any) -> dict[str, Any]:
    """The only choice of a completion; members replace or add."""
    message = {"role": "assistant", "content": content}
    return {"index": 0, "message": message, "finish_reason": "stop", **members}


def good_chunk(
    content: str | None = None, *, index: int = 0, finish: str | None = None, role: bool = False, **members: Any
) -> dict[str, Any]:
    """A chunk of a stream with one choice; members replace or add."""
    delta: dict[str, Any] = {**({"role": "assistant"} if role else {})}
    if content is not None:
        delta["content"] = content
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": MODEL}
    return {**head, "choices": [choice], **members}


def good_stream(*pieces: str, finish: str = "stop") -> list[Any]:
    """The lines of a whole stream: role, pieces, finish, [DONE]."""
    said = [good_chunk(piece) for piece in pieces or ("Hel", "lo.")]
    return [good_chunk("", role=True), *said, good_chunk(finish=finish), "[DONE]"]


def _frame(line: Any) -> bytes:
    if isinstance(line, bytes):
        return line
    return f"data: {line if isinstance(line, str) else json.dumps(line)}\n\n".encode()


def _exchange(
    timed: tuple[tuple[int, bytes], ...],
    request: Any,
    status: int | None,
    headers: Mapping[str, str],
    method: str,
    path: str,
    fault: Fault | None,
    intent: Mapping[str, Any] | None,
    started: str,
) -> Exchange:
    wanted = asked() if request is None else request
    body = b"" if method == "GET" else wanted if isinstance(wanted, bytes) else json.dumps(wanted).encode()
    pairs: Headers = tuple(headers.items()) if status is not None else ()
    return Exchange(
        id=f"x{next(_numbers):04d}",
        probe="test",
        request=Request(method, BASE_URL + path, (("Content-Type", "application/json"),), body),
        head_status=status,
        headers=pairs,
        chunks=tuple(Chunk(at_ns, data) for at_ns, data in timed) if status is not None else (),
        fault=fault,
        started=started,
        head_ns=1_000_000,
        end_ns=max((at_ns for at_ns, _ in timed), default=1_000_000),
        intent=intent or {},
    )
