"""Defects of request logs: what is in them, and what a query finds."""

from __future__ import annotations

from typing import Any

from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.services import request_logs
from mockserver.services.members import anything
from mockserver.services.request_logs.book import Entry
from mockserver.services.request_logs.window import moment as read_moment
from mockserver.wire import encode

Json = dict[str, Any]


@defect(breaks="VU-130")
def logs_every_request_as_200(gateway: Gateway) -> Gateway:
    """Logs the code 200 for every request, refused or not."""

    def entry(call: Call, reply: Reply, body: bytes, at: float) -> Entry:
        return request_logs.entry(call, reply, body, at)._replace(response_code=200)

    return within(gateway, "request_logs", entry=entry)


@defect(breaks="VU-130")
def logs_no_refusals(gateway: Gateway) -> Gateway:
    """Keeps what was refused out of the log."""

    def entry(call: Call, reply: Reply, body: bytes, at: float) -> Entry:
        made = request_logs.entry(call, reply, body, at)
        return made._replace(account="nobody") if reply.status >= 400 else made

    return within(gateway, "request_logs", entry=entry)


@defect(breaks="VU-131")
def reads_any_body_as_a_query(gateway: Gateway) -> Gateway:
    """Answers a query that it cannot read with the last hour."""

    async def query(call: Call) -> Reply:
        try:
            return await request_logs.query(call)
        except Refusal as refusal:
            if refusal.code not in ("invalid_json", "missing_parameter") or call.raw.startswith(b'{"'):
                raise
            return Reply(200, encode(call.gateway.request_logs.document([])), [("Content-Type", "application/json")])

    return within(gateway, "request_logs", query=query)


@defect(breaks="VU-132")
def takes_any_period(gateway: Gateway) -> Gateway:
    """Takes any number of minutes as period."""

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, int | float):
            request_logs.check_period(call, where, value)

    return within(gateway, "request_logs", check_period=check)


@defect(breaks=("VU-132", "VU-169"))
def looks_back_an_hour_whatever_the_period(gateway: Gateway) -> Gateway:
    """Tells the requests of a whole hour, whatever period was asked for."""
    return within(gateway, "request_logs", window=lambda until, period: (until - 3600, until))


@defect(breaks=("VU-133", "VU-169"))
def ends_no_window(gateway: Gateway) -> Gateway:
    """Tells requests that were made after the end of the window."""
    return within(gateway, "request_logs", window=lambda until, period: (until - 60 * period, until + 86_400))


@defect(breaks="VU-133")
def takes_any_timestamp(gateway: Gateway) -> Gateway:
    """Takes what is no time for now."""

    def moment(text: Any) -> float | None:
        return read_moment(text) if isinstance(text, str) else None

    return within(gateway, "request_logs", check_timestamp=anything, moment=moment)


@defect(breaks="VU-134")
def ignores_the_endpoint_of_a_query(gateway: Gateway) -> Gateway:
    """Tells the requests to all endpoints, whichever was asked for."""
    return within(gateway, "request_logs", matches=lambda call, entry, endpoint: True)


@defect(breaks="VU-134")
def finds_no_endpoint(gateway: Gateway) -> Gateway:
    """Tells nothing as soon as an endpoint is named."""
    return within(gateway, "request_logs", matches=lambda call, entry, endpoint: endpoint is None)


@defect(breaks="VU-135")
def tells_the_log_as_an_object(gateway: Gateway) -> Gateway:
    """Tells the requests by number, in an object."""
    return within(gateway, "request_logs", document=lambda rows: {"requests": dict(enumerate(rows))})


@defect(breaks="VU-168")
def logs_all_headers(gateway: Gateway) -> Gateway:
    """Keeps every header of a request, the one with the key included."""

    def headers(call: Call) -> str:
        return "\n".join(f"{name}: {value}" for name, value in call.headers.items())

    return within(gateway, "request_logs", headers=headers)


@defect(breaks="VU-168")
def logs_bodies_as_they_are(gateway: Gateway) -> Gateway:
    """Keeps bodies with the caller's key in them."""

    def words(call: Call, body: bytes, content_type: str) -> str:
        return body[: request_logs.LONGEST].decode("utf-8", "replace")

    return within(gateway, "request_logs", words=words)
