"""What happens to an exchange before anybody sees it: it is examined for bodies that cannot be read, and redacted."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import itertools
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.exchange import Chunk, Exchange, Fault, Headers, Request, TargetFault
from harness.redact import Redactor, encoded

if TYPE_CHECKING:
    from harness.target import Limits

KEPT = 64 * 1024  # bytes of a body that went over its cap
PACKED = frozenset({"gzip", "deflate"})
# Possessive: a string is never looked at twice. Otherwise every byte of it costs a hundred bytes of memory.
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def examined(found: Exchange, limits: Limits) -> Exchange:
    """The exchange with a fault when its complete body cannot be read: its coding, its size, its nesting."""
    if found.fault is not None and found.fault.kind == "body-cap":
        return _cut(found)
    if not found.complete:
        return found
    try:
        body = found.beginning(limits.max_body_bytes + 1)
    except TargetFault as error:
        return replace(found, fault=Fault("decode", str(error)))
    if len(body) > limits.max_body_bytes:
        more = Fault("body-cap", f"the decoded body has more than {limits.max_body_bytes} bytes")
        return _cut(replace(found, fault=more))
    documents = [(event.data or "").encode() for event in found.events] if found.is_stream else [body]
    if any(depth(document, limits.max_json_depth) > limits.max_json_depth for document in documents):
        return replace(found, fault=Fault("decode", f"the JSON is nested deeper than {limits.max_json_depth} levels"))
    return found


def _cut(found: Exchange) -> Exchange:
    """The exchange with the beginning of its body: nobody reads more of one that has no end."""
    try:
        start = found.beginning(KEPT)
    except TargetFault:
        start = b""
    coding = _coding(found)
    packed = _packed(start, coding) if coding in PACKED else start
    return replace(found, chunks=(Chunk(found.chunks[0].at_ns, packed),) if found.chunks else ())


def depth(document: bytes, enough: int) -> int:
    """How deep arrays and objects nest, counted without recursion; exact only where it exceeds `enough`."""
    if document.count(b"[") + document.count(b"{") <= enough or not _is_text(document):
        return 0
    deepest = level = 0
    for token in _NESTING.finditer(document):
        first = document[token.start()]
        level += (first in b"[{") - (first in b"]}")
        deepest = max(deepest, level)
        if deepest > enough:
            break
    return deepest


def _is_text(document: bytes) -> bool:
    """Sound and pictures hold brackets as well; what is not UTF-8 is no JSON, however deep."""
    decoder = codecs.getincrementaldecoder("utf-8")()  # piece by piece: a copy of a large body costs its memory again
    try:
        for at in range(0, len(document), KEPT):
            decoder.decode(document[at : at + KEPT])
    except UnicodeDecodeError:
        return False
    return True


def redacted(found: Exchange, redactor: Redactor) -> Exchange:
    """The exchange without a secret in any of its parts; arrival times stay as they were.

    A cookie that the answer sets is a credential, too: it is taken out of this exchange, and nobody sends it.
    """
    if cookies := _cookies(found):
        redactor = redactor.also(cookies)
    redactor, asked = redactor.narrowed(_parts(found)), found.request
    if redactor.knows_nothing:
        return found
    request = Request(
        asked.method, redactor.text(asked.url), _headers(asked.headers, redactor), redactor.bytes(asked.body)
    )
    return replace(
        found,
        request=request,
        headers=_headers(found.headers, redactor),
        chunks=_chunks(found, redactor),
        fault=Fault(found.fault.kind, redactor.text(found.fault.message)) if found.fault else None,
        intent=redactor.json(found.intent),
    )


def _parts(found: Exchange) -> Iterator[bytes]:
    """Everything of an exchange that may hold a secret; what cannot be unpacked is looked at as it came."""
    texts = [found.request.url, *itertools.chain(*found.request.headers, *found.headers), json.dumps(found.intent)]
    yield from map(encoded, texts)
    yield from (found.request.body, b"".join(chunk.data for chunk in found.chunks))
    if found.fault:
        yield encoded(found.fault.message)
    if _coding(found) in PACKED:
        with contextlib.suppress(TargetFault):
            yield found.body


def _cookies(found: Exchange) -> dict[str, str]:
    values = (set_by.partition(";")[0].partition("=")[2].strip() for set_by in found.header_values("set-cookie"))
    return {f"SET_COOKIE_{number}": value for number, value in enumerate(values, start=1)}


def _headers(headers: Headers, redactor: Redactor) -> Headers:
    redactor = redactor.narrowed(map(encoded, itertools.chain(*headers)))
    return tuple((redactor.text(name), redactor.text(value)) for name, value in headers)


def _chunks(found: Exchange, redactor: Redactor) -> tuple[Chunk, ...]:
    if (coding := _coding(found)) in PACKED and (recoded := _recoded(found, coding, redactor)) is not None:
        return (Chunk(found.chunks[-1].at_ns, recoded),)
    pieces = redactor.pieces([chunk.data for chunk in found.chunks])
    return tuple(Chunk(chunk.at_ns, data) for chunk, data in zip(found.chunks, pieces, strict=True))


def _coding(found: Exchange) -> str:
    return (found.header("content-encoding") or "identity").lower()


def _recoded(found: Exchange, coding: str, redactor: Redactor) -> bytes | None:
    """A compressed body packed again without its secrets; None when it holds none, so that honest bytes stay."""
    try:
        plain = found.body
    except TargetFault:
        return None
    if (clean := redactor.bytes(plain)) == plain:
        return None
    return _packed(clean, coding)


def _packed(data: bytes, coding: str) -> bytes:
    return gzip.compress(data, mtime=0) if coding == "gzip" else zlib.compress(data)
