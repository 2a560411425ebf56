"""Secrets taken out of what is kept, by value and in every usual spelling. Refuses secrets that are too short."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

Bytes = bytes  # the redactor has a method of that name

MIN_LENGTH = 8
_SHORT_ESCAPES = {'"': rb"\"", "\\": rb"\\", "/": rb"\/", "\n": rb"\n", "\r": rb"\r", "\t": rb"\t"}


class RedactionError(ValueError):
    """A secret cannot be redacted safely; the message names it and never shows it."""


class Named(Protocol):
    """A secret that knows under which name it may be spoken of."""

    name: str

    def reveal(self) -> str: ...


class Redactor:
    """Replaces every occurrence of a known secret by `${NAME}`. Thread-safe; secrets are only ever added."""

    def __init__(self, secrets: Iterable[Named] = ()) -> None:
        self._values: dict[str, str] = {}
        self._pattern: re.Pattern[bytes] | None = None
        self._names: tuple[str, ...] = ()
        self._lock = threading.Lock()
        for secret in secrets:
            self.add(secret.name, secret.reveal())

    def add(self, name: str, value: str) -> None:
        """Know one more secret. Raises RedactionError below 8 characters: it would match by accident."""
        if len(value) < MIN_LENGTH:
            raise RedactionError(f"the secret {name} has fewer than {MIN_LENGTH} characters")
        with self._lock:
            if value in self._values.values():
                return
            self._values[name] = value
            # Longest first: a secret that contains another one is replaced as a whole.
            ordered = sorted(self._values.items(), key=lambda item: -len(item[1]))
            self._pattern, self._names = _compiled(ordered), tuple(name for name, _ in ordered)

    def bytes(self, data: Bytes) -> Bytes:
        return self._pattern.sub(self._placeholder, data) if self._pattern else data

    def text(self, text: str) -> str:
        return self.bytes(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    def json(self, value: Any) -> Any:
        """The same JSON value with every string in it, member names included, redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.json(key): self.json(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(member) for member in value]
        return value

    def pieces(self, pieces: list[Bytes]) -> list[Bytes]:
        """Consecutive parts of one body, redacted also across their borders; a replacement goes where it began."""
        joined = b"".join(pieces)
        if self._pattern is None or not self._pattern.search(joined):
            return pieces
        result, start = [], 0
        spans = [(*match.span(), self._placeholder(match)) for match in self._pattern.finditer(joined)]
        for piece in pieces:
            result.append(_within(joined, start, start + len(piece), spans))
            start += len(piece)
        return result

    def _placeholder(self, match: re.Match[Bytes]) -> Bytes:
        return b"${" + self._names[(match.lastindex or 1) - 1].encode() + b"}"


def _within(joined: bytes, start: int, end: int, spans: list[tuple[int, int, bytes]]) -> bytes:
    kept, at = [], start
    for first, last, placeholder in spans:
        if last <= start or first >= end:
            continue
        kept.append(joined[at : max(first, at)])
        if first >= start:
            kept.append(placeholder)
        at = min(last, end)
    return b"".join([*kept, joined[at:end]])


def _compiled(secrets: Iterable[tuple[str, str]]) -> re.Pattern[bytes]:
    groups = [b"(" + b"|".join(_forms(value)) + b")" for _, value in secrets]
    return re.compile(b"|".join(groups), re.DOTALL)


def _forms(value: str) -> list[bytes]:
    """Regular expressions of one secret: characters in any mixture of escapes, hexadecimal, base64 at any alignment."""
    raw = value.encode(errors="surrogatepass")
    spelled = b"".join(b"(?:" + b"|".join(_spellings(char)) + b")" for char in value)
    return [spelled, b"(?i:" + raw.hex().encode() + b")", *_base64_forms(raw)]


def _spellings(char: str) -> list[bytes]:
    raw = char.encode(errors="surrogatepass")
    units = char.encode("utf-16-be", errors="surrogatepass").hex()
    # The longest spelling first, so that an escaped backslash goes as a whole.
    forms = [_SHORT_ESCAPES[char]] if char in _SHORT_ESCAPES else []
    found = [re.escape(form) for form in forms]
    found.append(b"".join(rb"\\u(?i:%s)" % units[at : at + 4].encode() for at in range(0, len(units), 4)))
    found.append(b"".join(b"%%(?i:%02x)" % byte for byte in raw))
    found.append(re.escape(raw))
    return [*found, rb"\+"] if char == " " else found


def _base64_forms(raw: bytes) -> list[bytes]:
    """What stays the same in base64 whatever stands before and after the secret, at each of three alignments."""
    forms = []
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw)
        first = (0, 2, 3)[shift]  # characters that also hold bits of what stands before
        whole = (shift + len(raw)) * 8 // 6
        stable = coded[first:whole]
        forms.append(b"".join(_either_alphabet(bytes([byte])) for byte in stable))
    return forms


def _either_alphabet(char: bytes) -> bytes:
    # `=` never stands in the stable part; `+` and `/` also travel as `-` and `_`, or percent-encoded inside a URL.
    special = {b"+": rb"(?:[+\-]|%2[Bb])", b"/": rb"(?:[/_]|\\/|%2[Ff])"}
    return special.get(char, re.escape(char))
