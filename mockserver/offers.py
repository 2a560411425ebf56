"""Requests that offer another protocol (RFC 9110 section 7.8): the offer is passed over, and HTTP/1.1 goes on.

The parser stops at the head of such a request, as though the other protocol had begun; its body would be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httptools

Header = tuple[bytes, bytes]
_FRAMING = (b"transfer-encoding", b"content-length")  # where both are there, the first decides


def framing_of(headers: list[Header]) -> Header | None:
    """The header that tells of a body; None where there is none."""
    told = dict(headers)
    return next(((name, told[name]) for name in _FRAMING if name in told), None)


def parser_within(protocol: Any, framing: Header) -> httptools.HttpRequestParser:
    """A parser for `protocol` that has read a head already, and waits for the body."""
    late = _Late(protocol)
    parser = httptools.HttpRequestParser(late)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
    parser.feed_data(b"POST / HTTP/1.1\r\n%b: %b\r\n\r\n" % framing)
    late.listens = True
    return parser


class _Late:
    """Hears nothing until it listens: the head was made up."""

    def __init__(self, protocol: Any) -> None:
        self._protocol, self.listens = protocol, False

    def __getattr__(self, name: str) -> Callable[..., None]:
        told = getattr(self._protocol, name)

        def tell(*given: bytes) -> None:
            if self.listens:
                told(*given)

        return tell
