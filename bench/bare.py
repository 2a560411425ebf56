"""The peer: the same uvicorn stack with handlers that send fixed bytes. What a server cannot be quicker than."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import uvicorn

MESSAGE = {"role": "assistant", "content": "word " * 50}
WHOLE = json.dumps({"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": MESSAGE}]}).encode()
CHUNK = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "word "}}]}
FRAME = b"data: " + json.dumps(CHUNK).encode() + b"\n\n"


class Asked(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]]
    max_tokens: int
    stream: bool = False


decode = msgspec.json.Decoder(Asked).decode


def start(kind: bytes, *more: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), *more]}


async def app(_: Any, receive: Any, send: Any) -> None:
    """Any path: one JSON answer, or one event for each token that was asked for, each sent by itself."""
    asked = decode((await receive())["body"])
    if not asked.stream:
        await send(start(b"application/json", (b"content-length", str(len(WHOLE)).encode())))
        await send({"type": "http.response.body", "body": WHOLE})
        return
    await send(start(b"text/event-stream"))
    for _ in range(asked.max_tokens):
        await send({"type": "http.response.body", "body": FRAME, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
