"""The peer: the same uvicorn stack with handlers that send fixed bytes. What a server cannot be quicker than."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

MESSAGE = {"role": "assistant", "content": "one two three four five six seven eight"}
WHOLE = json.dumps({"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": MESSAGE}]}).encode()
CHUNK = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "one "}}]}


async def chat(request: Request) -> Response:
    asked = json.loads(await request.body())
    if not asked.get("stream"):
        return Response(WHOLE, media_type="application/json")

    async def events() -> AsyncIterator[bytes]:
        for _ in range(asked["max_tokens"]):
            yield b"data: " + json.dumps(CHUNK).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def main() -> None:
    app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
