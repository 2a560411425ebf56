"""What an exchange asked for and how it was refused: pure views that several judges read. Never raises on content."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from harness.exchange import Exchange


def path(x: Exchange) -> str:
    """The path of the request, empty when the URL cannot be read."""
    try:
        return urlsplit(x.request.url).path
    except ValueError:
        return ""


def is_api_call(x: Exchange) -> bool:
    """An answered call below the versioned API, whatever the deployment has in front of it."""
    return x.head_status is not None and "/v1/" in path(x) and "/control/" not in path(x)


def is_chat_call(x: Exchange) -> bool:
    """An answered POST to the chat endpoint."""
    return x.head_status is not None and x.request.method == "POST" and path(x).endswith("/chat/completions")


def is_listing(x: Exchange) -> bool:
    """A model list that was answered with 200."""
    return x.head_status == 200 and x.complete and x.request.method == "GET" and path(x).endswith("/v1/models")


def is_refusal(x: Exchange) -> bool:
    """A complete answer with an error status that may carry a body."""
    return x.complete and (x.head_status or 0) >= 400 and x.request.method != "HEAD" and is_api_call(x)


def bearer(x: Exchange) -> str | None:
    """The credential that was sent (the name that stands for it in a redacted exchange), or None."""
    sent = next((value for name, value in x.request.headers if name.lower() == "authorization"), None)
    return None if sent is None else sent.partition(" ")[2].strip() or sent


def asked(x: Exchange) -> dict[str, Any]:
    """The JSON object that was sent, empty when the body is something else."""
    body = x.request.json
    return body if isinstance(body, dict) else {}


def error(x: Exchange) -> dict[str, Any]:
    """The member `error` of the answer, empty when there is none."""
    body = x.json
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def error_code(x: Exchange) -> str | None:
    """The error's code, None when it has none."""
    code = error(x).get("code")
    return code if isinstance(code, str) else None


def is_integer(value: Any) -> bool:
    """A JSON integer; true and false are not numbers."""
    return isinstance(value, int) and not isinstance(value, bool)
