"""Rules about a stream as a transport: headers, event framing, the end marker, arrival over time."""

from __future__ import annotations

import json
import re
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.chat import (
    DONE,
    asked,
    asks_stream,
    choices,
    is_chunked,
    is_error,
    is_filled,
    is_finished,
    is_served,
    member,
)
from harness.wire.exchange import Exchange, milliseconds
from harness.wire.sse import Event
from specs import Contract

CUT = "the stream ended inside an event"
BURST_EVENTS, BURST_MS = 20, 50.0  # fewer events or a shorter answer can arrive at once without anybody holding it back
LONG_MS = 2000.0  # our own pauses are shorter: a burst after so long a wait is the server's
BURST_SHARE, BURST_GAP_MS = 0.15, 0.2  # no model writes 5,000 events a second
MANY_LINES = 5  # enough broken events to show; a stream may hold thousands

_FRESH = re.compile(r"(^|[\s,])(public|immutable|(s-maxage|max-age)\s*=\s*\"?0*[1-9])", re.IGNORECASE)


def is_streamed(x: Exchange) -> bool:
    """A stream was asked for and the answer was 200."""
    return asks_stream(x) and is_served(x)


def has_events(x: Exchange) -> bool:
    """A stream that is not empty: an empty one keeps no promise about its events."""
    return is_chunked(x) and bool(x.events)


def is_not_streamed(x: Exchange) -> bool:
    """No stream was asked for and the answer was 200."""
    stream = asked(x).get("stream")
    return is_served(x) and x.complete and (stream is None or stream is False)


def is_measurable(x: Exchange) -> bool:
    """A finished stream with enough events, over enough time, to tell a burst from a stream."""
    return is_finished(x) and milliseconds(x.end_ns) >= BURST_MS and len(_arrivals(x)) >= BURST_EVENTS


def is_long(x: Exchange) -> bool:
    """A measurable stream that took so long that a pause of the harness cannot make it look like a burst."""
    return is_measurable(x) and milliseconds(x.end_ns) >= LONG_MS


@rule("OC-080", on=is_streamed)
def stream_is_event_stream(x: Exchange, contract: Contract) -> Problems:
    """A streamed answer says that it is text/event-stream."""
    if not x.is_stream:
        yield Problem("a streamed answer has another Content-Type", "text/event-stream", str(x.header("content-type")))


@rule("OC-081", on=has_events)
def events_are_json_or_done(x: Exchange, contract: Contract) -> Problems:
    """Every event's data is a JSON object or [DONE], in fields the event-stream format knows."""
    broken = [problem for event, document in _read(x) for problem in _broken(event, document)]
    faults = [fault for event in x.events for fault in event.faults if "not UTF-8" not in fault]
    if not x.complete:
        faults = [fault for fault in faults if fault != CUT]
    yield from (Problem(f"an event breaks the event-stream format: {fault}") for fault in faults[:MANY_LINES])
    yield from broken[:MANY_LINES]


def _broken(event: Event, document: object) -> Problems:
    if event.data is None or event.data == DONE or isinstance(document, dict) or CUT in event.faults:
        return
    kind = "not JSON" if document is None else "JSON but no object"
    yield Problem(f"the data of an event is {kind}", expected="a JSON object or [DONE]", observed=event.data[:200])


@rule("OC-082", on=is_finished)
def done_is_last_and_once(x: Exchange, contract: Contract) -> Problems:
    """A completed stream has exactly one [DONE], and no data follows it."""
    sent = [event.data for event in x.events if event.data is not None]
    if (count := sent.count(DONE)) != 1:
        yield Problem(f"[DONE] was sent {count} times", expected="once, as the last event", observed=_tail(sent))
    elif sent[-1] != DONE:
        yield Problem("events follow [DONE]", expected="nothing after [DONE]", observed=_tail(sent))


def _tail(sent: list[str]) -> str:
    return json.dumps([data[-120:] for data in sent[-3:]], ensure_ascii=False)


@rule("OC-091", on=has_events)
def events_are_utf8(x: Exchange, contract: Contract) -> Problems:
    """Every byte of the stream is valid UTF-8."""
    faults = [fault for event in x.events for fault in event.faults if "not UTF-8" in fault]
    yield from (Problem(f"an event holds {fault}") for fault in faults[:MANY_LINES])


@rule("OC-096", on=has_events)
def chunks_are_sent_once(x: Exchange, contract: Contract) -> Problems:
    """Not every content chunk comes twice, and an error is reported once.

    One repeated chunk may be a repeated word, so that is left to checks that know the text.
    """
    said = [event.data for event, document in _read(x) if _says(document)]
    if len(said) >= 8 and len(set(said)) >= 4 and len(said) % 2 == 0 and said[::2] == said[1::2]:
        yield Problem(
            "every chunk with content was sent twice", "each chunk once", f"{len(said)} chunks in equal pairs"
        )
    errors = [event.data for event, document in _read(x) if is_error(document)]
    if len(errors) > len(set(errors)):
        yield Problem(f"the same error frame was sent {len(errors)} times", expected="once, then the end of the stream")


def _read(x: Exchange) -> list[tuple[Event, Any]]:
    return list(zip(x.events, x.documents, strict=True))


def _says(document: object) -> bool:
    return any(is_filled(member(choice.get("delta"), "content")) for choice in choices(document))


@rule("OC-097", on=is_long)
def content_arrives_over_time(x: Exchange, contract: Contract) -> Problems:
    """Content does not arrive in one burst after a wait as long as the whole generation."""
    if seen := burst(x):
        yield Problem("the content arrived in one burst", expected="events spread over the generation", observed=seen)


def burst(x: Exchange) -> str | None:
    """How the content of a measurable stream arrived at once; None when it arrived over time.

    In a short stream that may be a pause of our own, so that a second stream has to confirm it.
    """
    arrivals, whole = _arrivals(x), milliseconds(x.end_ns)
    spread = milliseconds(arrivals[-1] - arrivals[0])
    if spread >= BURST_SHARE * whole or spread >= BURST_GAP_MS * len(arrivals):
        return None
    return f"{len(arrivals)} content events within {spread:.1f} ms at the end of {whole:.1f} ms"


def _arrivals(x: Exchange) -> list[int]:
    return [event.at_ns for event, document in _read(x) if _says(document)]


@rule("OC-099", on=is_not_streamed)
def no_stream_unless_asked(x: Exchange, contract: Contract) -> Problems:
    """A request without stream, or with false, gets one JSON object."""
    if x.is_stream:
        yield Problem(
            "a stream answers a request that asked for none", "one JSON object", str(x.header("content-type"))
        )
    elif not isinstance(x.json, dict):
        yield Problem("the answer without stream is not one JSON object", observed=x.text[:200])


@rule("OC-105", on=is_streamed)
def stream_is_not_stored(x: Exchange, contract: Contract) -> Problems:
    """A stream has no length, is not compressed unless asked, and no cache may keep it."""
    if (length := x.header("content-length")) is not None:
        yield Problem("a stream declares a Content-Length", expected="none", observed=length)
    coding = x.header("content-encoding") or "identity"
    if coding != "identity" and coding.lower() not in _accepted(x):
        yield Problem("a stream is compressed though that was not asked for", expected="identity", observed=coding)
    cached = ", ".join(x.header_values("cache-control"))
    if _FRESH.search(cached) and not re.search(r"no-cache|no-store", cached, re.IGNORECASE):
        yield Problem(
            "a stream may be kept by caches", expected="no-cache, no-store or no Cache-Control", observed=cached
        )


def _accepted(x: Exchange) -> str:
    return ",".join(value for name, value in x.request.headers if name.lower() == "accept-encoding").lower()
