"""Exchanges of the sample: a refusal that did not come, a stream, and what a hostile server might have sent."""

from __future__ import annotations

from typing import Any

HOSTILE = (
    "</pre><script>alert('x')</script> \"onmouseover=alert(1) x=\" ]]> \x00\x1b[31m \u202e <!-- {{ 7*7 }} &lt; `|` @all"
)


def _excerpt(identifier: str, probe: str, status: int | None, body: str, **more: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "probe": probe,
        "method": "POST",
        "url": "http://127.0.0.1:8080/v1/chat/completions",
        "status": status,
        "request_headers": [["authorization", "Bearer <secret main>"], ["content-type", "application/json"]],
        "request_body": '{"model":"deepseek-ai/DeepSeek-V3","messages":[{"role":"user","content":"Say ok."}]}',
        "response_headers": [["content-type", "application/json"], ["x-ratelimit-limit", "1000"]],
        "response_body": body,
        "truncated": False,
        "events": [],
        "duration_ms": 42.7,
        "error": None,
        "operation": "createChatCompletion",
    } | more


def refusal() -> dict[str, Any]:
    body = (
        '{"id":"chatcmpl-1","object":"chat.completion","model":"deepseek-ai/DeepSeek-V3","choices":[{"index":0,'
        '"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,'
        '"completion_tokens":1,"total_tokens":10}}'
    )
    return _excerpt("x-0007", "non_confidential_chat", 200, body)


def stream() -> dict[str, Any]:
    head = '{"id":"chatcmpl-2","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
    words = ["The", " sky", " is", " blue", " today"]
    times = [81.2, 101.4, 121.3, 141.9, 194.0]
    events = [
        {"at_ms": at, "data": f'{head}{{"content":"{word}"}}}}]}}'} for at, word in zip(times, words, strict=True)
    ]
    events += [
        {"at_ms": 214.6, "data": head + '{},"finish_reason":"stop"}]}'},
        {"at_ms": 214.8, "data": "[DONE]"},
        {"at_ms": 215.1, "data": '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}'},
    ]
    headers = [["content-type", "text/event-stream"], ["cache-control", "no-cache"]]
    return _excerpt("x-0042", "streamed_chat", 200, "", events=events, duration_ms=216.0, response_headers=headers)


def hostile() -> dict[str, Any]:
    events = [{"at_ms": 1.0, "data": HOSTILE}]
    headers = [["x-evil", HOSTILE], [HOSTILE, "name"]]
    more = {"events": events, "response_headers": headers, "error": HOSTILE, "url": f"http://127.0.0.1/{HOSTILE}"}
    return _excerpt("x-0051", HOSTILE, None, HOSTILE * 100, truncated=True, **more)
