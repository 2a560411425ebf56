"""Server text made fit to show: hidden characters become visible, long text is cut with a note. It never hides."""

from __future__ import annotations

import re

# Control characters, lone surrogates and non-characters break XML and terminals; direction marks lie about the order
# of what is read. Newline and tab stay.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The same text with every hidden character written as a backslash escape."""
    return _HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of text, and a note that says how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … [{len(text) - limit} more characters]"


def line(text: str, limit: int = 300) -> str:
    """One line: hidden characters visible, white space folded, cut to `limit`."""
    return clip(" ".join(visible(text).split()), limit)
