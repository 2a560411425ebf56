"""One request with its response as it came off the wire: raw bytes and arrival times. Data only, no network."""

from __future__ import annotations

import base64
import contextlib
import functools
import gzip
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from harness.wire.sse import Event, Parser

Headers = tuple[tuple[str, str], ...]


class TargetFault(Exception):
    """The target gave no answer that could be judged: down, timed out, over a cap. Becomes the outcome `error`."""

    def __init__(self, message: str, exchange: str | None = None) -> None:
        super().__init__(message)
        self.exchange = exchange


@dataclass(frozen=True)
class Request:
    """What was sent: headers in their order and with their own spelling, the body as bytes."""

    method: str
    url: str
    headers: Headers
    body: bytes = b""

    @functools.cached_property
    def json(self) -> Any:
        """The body as JSON, or None when it is not JSON (checks send broken bodies on purpose)."""
        return _json_or_none(self.body)


@dataclass(frozen=True)
class Chunk:
    """Bytes of the body that arrived together, and when (nanoseconds since the request started)."""

    at_ns: int
    data: bytes


@dataclass(frozen=True)
class Fault:
    """Why an exchange ended before its response was complete. `kind` is one of a closed list.

    connect, tls, timeout, idle, protocol, truncated, body-cap, event-cap, redirect, decode, aborted (by us).
    """

    kind: str
    message: str


@dataclass(frozen=True)
class Exchange:
    """A request, and as much of its response as arrived."""

    id: str
    probe: str  # who asked: name of the probe or of the test
    request: Request
    head_status: int | None  # HTTP status, None when no response head arrived; checks read `status`
    headers: Headers
    chunks: tuple[Chunk, ...]
    fault: Fault | None
    started: str  # UTC, ISO 8601
    head_ns: int  # when the response head was complete, from the request's start
    end_ns: int
    intent: Mapping[str, Any] = field(default_factory=dict)  # what the asker meant: key used, abort after k, ...
    certificate: bytes | None = None  # DER of the leaf that the connection showed; None without TLS

    @functools.cached_property
    def body(self) -> bytes:
        """The body's bytes as they were sent, content coding undone, nothing else changed."""
        return self.beginning(BODY_CAP)

    def beginning(self, at_most: int) -> bytes:
        """The body up to so many bytes. Raises TargetFault when its coding cannot be undone."""
        raw = b"".join(chunk.data for chunk in self.chunks)
        return _decoded(raw, self.header("content-encoding") or "identity", at_most)[:at_most]

    @functools.cached_property
    def text(self) -> str:
        """The body as UTF-8; bytes that are none become replacement characters, so never hash this."""
        return self.body.decode(errors="replace")

    @functools.cached_property
    def json(self) -> Any:
        """The body as JSON with exact numbers (Decimal for fractions), or None when it is not JSON."""
        self.answered()
        return _json_or_none(self.body)

    @functools.cached_property
    def events(self) -> tuple[Event, ...]:
        """The body read as a server-sent event stream, each event with its arrival time."""
        parser, found = Parser(), []
        for chunk in self.chunks:
            found += parser.feed(chunk.data, chunk.at_ns)
        return (*found, *parser.close())

    @functools.cached_property
    def documents(self) -> tuple[Any, ...]:
        """Each event's data as JSON, in the order of `events`; None where an event has no data or is not JSON."""
        return tuple(None if event.data is None else _json_or_none(event.data) for event in self.events)

    @property
    def complete(self) -> bool:
        """Whether the whole response arrived, of any status."""
        return self.head_status is not None and self.fault is None

    @property
    def broken(self) -> bool:
        """Whether the target failed to give a whole answer; one that we left early is not broken."""
        return self.fault is not None and self.fault.kind != "aborted"

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, in lower case; empty where none was sent."""
        return (self.header("content-type") or "").split(";")[0].strip().lower()

    @property
    def is_stream(self) -> bool:
        """Whether the response says that it is a stream of events; not whether the request asked for one."""
        return self.media_type == "text/event-stream"

    @property
    def key(self) -> str | None:
        """Which credential was sent: main, exhausted, revoked, wrong, ... or None for no credential."""
        named: str | None = self.intent.get("key", "main")
        return named

    def header(self, name: str) -> str | None:
        """The first value of a response header; header names are case-insensitive."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def header_values(self, name: str) -> list[str]:
        """Every value of a response header, in order; names are compared without their case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def answered(self) -> Exchange:
        """This exchange. Raises TargetFault when no response head arrived."""
        if self.head_status is None:
            reason = self.fault.message if self.fault else "no response"
            raise TargetFault(f"{self.request.method} {self.request.url}: {reason}", self.id)
        return self

    @property
    def status(self) -> int:
        """The HTTP status. Raises TargetFault when no response head arrived."""
        self.answered()
        return self.head_status or 0


LONGEST_NS = 366 * 86_400 * 10**9  # no exchange lasts longer than a year
BODY_CAP = 64 * 1024 * 1024  # a decoded body larger than this is a bomb, not an answer
LARGE = 256 * 1024  # more bytes than this are saved compressed: a check of size limits sends megabytes of white space


def to_json(exchange: Exchange) -> dict[str, Any]:
    """A JSON object that `from_json` turns back into the same exchange, byte for byte."""
    return {
        "id": exchange.id,
        "probe": exchange.probe,
        "started": exchange.started,
        "request": {
            "method": exchange.request.method,
            "url": exchange.request.url,
            "headers": [list(pair) for pair in exchange.request.headers],
            "body": _packed(exchange.request.body),
        },
        "status": exchange.head_status,
        "headers": [list(pair) for pair in exchange.headers],
        "chunks": [[chunk.at_ns, _packed(chunk.data)] for chunk in exchange.chunks],
        "fault": {"kind": exchange.fault.kind, "message": exchange.fault.message} if exchange.fault else None,
        "head_ns": exchange.head_ns,
        "end_ns": exchange.end_ns,
        "intent": dict(exchange.intent),
        **({} if (seen := exchange.certificate) is None else {"certificate": base64.b64encode(seen).decode()}),
    }


def from_json(row: Mapping[str, Any]) -> Exchange:
    """The exchange of a line of exchanges.jsonl. Raises KeyError or TypeError when a member is missing."""
    asked = row["request"]
    made = Exchange(
        id=row["id"],
        probe=row["probe"],
        request=Request(asked["method"], asked["url"], _pairs(asked["headers"]), _unpacked(asked["body"])),
        head_status=row["status"],
        headers=_pairs(row["headers"]),
        chunks=_chunks(row["chunks"]),
        fault=Fault(**row["fault"]) if row["fault"] else None,
        started=row["started"],
        head_ns=row["head_ns"],
        end_ns=row["end_ns"],
        intent=row["intent"],
        certificate=base64.b64decode(row["certificate"]) if "certificate" in row else None,
    )
    _checked(made)
    return made


def _chunks(rows: list[tuple[int, str | Mapping[str, str]]]) -> tuple[Chunk, ...]:
    """Raises ValueError where they are more than an answer may be."""
    found, size = list[Chunk](), 0
    for at_ns, data in rows:
        found.append(Chunk(at_ns, _unpacked(data)))
        size += len(found[-1].data)
        if size > 16 * BODY_CAP:
            raise ValueError(f"an answer of more than {16 * BODY_CAP} bytes")
    return tuple(found)


def _checked(x: Exchange) -> None:
    """What is read may have been written by anybody. Raises TypeError, ValueError for a member of another kind."""
    texts = (x.id, x.probe, x.started, x.request.method, x.request.url)
    if not all(type(text) is str for text in texts) or not isinstance(x.intent, Mapping):
        raise TypeError("id, probe, started, method and url are text, and intent is an object")
    urlsplit(x.request.url)
    if not all(isinstance(x.intent.get(name), str | None) for name in ("key", "role")):
        raise TypeError("key and role are text")
    if x.fault is not None and not (type(x.fault.kind) is str and type(x.fault.message) is str):
        raise TypeError("a fault is told in text")
    if not all(type(part) is str for pair in (*x.headers, *x.request.headers) for part in pair):
        raise TypeError("headers are text")
    if x.head_status is not None and not (type(x.head_status) is int and 0 <= x.head_status <= 999):
        raise ValueError("status is a number of three digits")
    for at_ns in (x.head_ns, x.end_ns, *(chunk.at_ns for chunk in x.chunks)):
        if type(at_ns) is not int or not 0 <= at_ns <= LONGEST_NS:
            raise ValueError("times are nanoseconds since the request started")


def _pairs(rows: list[list[str]]) -> Headers:
    return tuple((name, value) for name, value in rows)


def _packed(data: bytes) -> str | dict[str, str]:
    """Text as it is; sound and pictures, and what is large, in the form that is shortest."""
    if len(data) <= LARGE and b"\0" not in data:
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode()
    forms = {"gzip": gzip.compress(data, 1, mtime=0), "base64": data}
    name = min(forms, key=lambda form: len(forms[form]))
    return {name: base64.b64encode(forms[name]).decode()}


def _unpacked(data: str | Mapping[str, str]) -> bytes:
    if isinstance(data, str):
        return data.encode()
    return _inflated(base64.b64decode(data["gzip"])) if "gzip" in data else base64.b64decode(data["base64"])


def _inflated(packed: bytes) -> bytes:
    try:
        return _decoded(packed, "gzip", BODY_CAP)
    except TargetFault as error:
        raise ValueError(str(error)) from error


def _json_or_none(body: bytes | str) -> Any:
    try:
        if isinstance(body, bytes):
            body = body.decode(json.detect_encoding(body), "surrogatepass")
        return _JSON.decode(body)
    except (ValueError, RecursionError, ArithmeticError):  # ArithmeticError: an exponent that Decimal cannot hold
        return None


def _refused_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_float=Decimal, parse_constant=_refused_constant)  # one for all: a stream asks often


def _decoded(raw: bytes, coding: str, at_most: int) -> bytes:
    if coding in {"identity", ""} or not raw:
        return raw
    window = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}.get(coding.lower())
    if window is None:
        raise TargetFault(f"content coding {coding!r} was not asked for")
    try:
        return zlib.decompressobj(window).decompress(raw, at_most)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise TargetFault(f"the {coding} body cannot be decoded: {error}") from error


def milliseconds(nanoseconds: int) -> float:
    """Nanoseconds as milliseconds with three places, rounded down."""
    return math.floor(nanoseconds / 1000) / 1000
