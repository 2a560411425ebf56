"""What a report shows of an exchange: readable, capped, and said to be cut where it is."""

from __future__ import annotations

from typing import Any

from harness.wire.exchange import Exchange, TargetFault, milliseconds

MAX_TEXT = 4000  # characters of a body
MAX_EVENTS = 60
MAX_EVENT = 300


def of(exchange: Exchange) -> dict[str, Any]:
    """The excerpt of results.schema.json: `truncated` is true when anything was left out."""
    request, response = exchange.request.body.decode(errors="replace"), _text(exchange)
    events = exchange.events if exchange.is_stream else ()
    shown = [{"at_ms": milliseconds(e.at_ns), "data": e.raw.decode(errors="replace")[:MAX_EVENT]} for e in events]
    return {
        "id": exchange.id,
        "probe": exchange.probe,
        "method": exchange.request.method,
        "url": exchange.request.url,
        "status": exchange.head_status,
        "request_headers": [list(pair) for pair in exchange.request.headers],
        "request_body": request[:MAX_TEXT],
        "response_headers": [list(pair) for pair in exchange.headers],
        "response_body": "" if events else response[:MAX_TEXT],
        "truncated": len(request) > MAX_TEXT or len(response) > MAX_TEXT or len(shown) > MAX_EVENTS,
        "events": [*shown[: MAX_EVENTS - 10], *shown[MAX_EVENTS - 10 :][-10:]],
        "duration_ms": milliseconds(exchange.end_ns),
        "error": f"{exchange.fault.kind}: {exchange.fault.message}" if exchange.fault else None,
    }


def _text(exchange: Exchange) -> str:
    try:
        return exchange.text
    except TargetFault as fault:
        return f"({fault})"
