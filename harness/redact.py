"""Secrets taken out of what is kept, by value and in every usual spelling. Refuses secrets that are too short."""

from __future__ import annotations

import base64
import functools
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Bytes = bytes  # the redactor has a method of that name

MIN_LENGTH = 8
_PLAIN = re.compile(r"[A-Za-z0-9._\-]+")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|\\{1,7}u00([0-9A-Fa-f]{2})")
_PADDING = re.compile(rb"[ \n]{64,}")  # no secret that is looked for holds it, and megabytes of it are sent on purpose
# Control characters, half a surrogate pair, and the marks that turn the direction of writing.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_TELLING = 3  # characters: a shorter part of a secret stands in nearly every text
_SWALLOWED = 5  # a stray `%` or `\\` before a secret can look like an escape that takes so many of its characters
_BORDER = b"\0|\0"  # between two parts that are looked through together: no escape and no padding goes across
_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")
_SHORT_ESCAPES = {'"': b'"', "\\": b"\\\\", "/": b"/", "\n": b"n", "\r": b"r", "\t": b"t"}  # as a pattern
_SLASHES = rb"\\{1,7}"  # before an escape: JSON within JSON doubles them, and adds one to each quotation mark


class RedactionError(ValueError):
    """A secret cannot be redacted safely; the message names it and never shows it."""


def printable(text: str) -> str:
    """The text with what moves a terminal's cursor or cannot be written as UTF-8 spelled out; line ends stay."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Named(Protocol):
    """A secret that knows under which name it may be spoken of."""

    name: str

    def reveal(self) -> str: ...


class Redactor:
    """Replaces every occurrence of a known secret by `${NAME}`. Thread-safe; secrets are only ever added."""

    def __init__(self, secrets: Iterable[Named] = ()) -> None:
        self._values: dict[str, str] = {}
        self._secrets: tuple[Secret, ...] = ()
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
            known = {secret.name: secret for secret in self._secrets}
            known[name] = Secret(name, value)
            self._secrets = tuple(known.values())

    def also(self, values: Mapping[str, str]) -> Redactor:
        """One that knows these values too, by name; those that are too short are left out."""
        made = Redactor()
        made._values, made._secrets = dict(self._values), self._secrets
        for name, value in values.items():
            if len(value) >= MIN_LENGTH:
                made.add(name, value)
        return made

    @property
    def knows_nothing(self) -> bool:
        """Whether there is no secret at all to look for."""
        return not self._secrets

    def narrowed(self, parts: Iterable[Bytes]) -> Redactor:
        """One that knows no secret but those that the parts may hold: they are looked through once, as a whole."""
        if not self._secrets:
            return self
        made, texts = Redactor(), looked_through(_BORDER.join(parts))
        made._secrets = tuple(secret for secret in self._secrets if secret.may_be_in(texts))
        made._values = {secret.name: secret.value for secret in made._secrets}
        return made

    def bytes(self, data: Bytes) -> Bytes:
        spans = self._spans(data)
        return _within(data, 0, len(data), spans) if spans else data

    def text(self, text: str) -> str:
        return self.bytes(encoded(text)).decode(errors="surrogatepass") if self._secrets else text

    def json(self, value: Any) -> Any:
        """The same JSON value with every string in it, member names included, redacted."""
        return self.narrowed(map(encoded, _strings(value)))._json(value)

    def _json(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._json(key): self._json(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self._json(member) for member in value]
        return value

    def pieces(self, pieces: list[Bytes]) -> list[Bytes]:
        """Consecutive parts of one body, redacted also across their borders; a replacement goes where it began."""
        joined = b"".join(pieces)
        if not (spans := self._spans(joined)):
            return pieces
        result, start = [], 0
        for piece in pieces:
            result.append(_within(joined, start, start + len(piece), spans))
            start += len(piece)
        return result

    def _spans(self, data: Bytes) -> list[_Span]:
        """Where secrets stand, in order. Secrets that overlap go as one, under the name of the longest."""
        if not self._secrets:
            return []
        texts = looked_through(data)
        found = [
            (*match.span(), secret)
            for secret in self._secrets
            if secret.may_be_in(texts)
            for match in secret.pattern.finditer(data)
        ]
        joined: list[_Span] = []
        for first, last, secret in sorted(found, key=lambda span: span[:2]):
            if joined and first < joined[-1][1]:
                before, end, other = joined.pop()
                longest = max(other, secret, key=lambda one: len(one.value))
                joined.append((before, max(end, last), longest))
            else:
                joined.append((first, last, secret))
        return joined


_Span = tuple[int, int, "Secret"]


@dataclass(frozen=True)
class Secret:
    """One secret: its pattern finds every spelling, its needles tell quickly that it is not there."""

    name: str
    value: str

    @property
    def pattern(self) -> re.Pattern[bytes]:
        return pattern_of(self.value)

    @functools.cached_property
    def needles(self) -> tuple[tuple[bytes, ...], ...] | None:
        """What to look for as it is, in lower case, and in one base64 alphabet; None where every character is odd.

        Of a secret with odd characters only its longest plain part is looked for: the rest has many spellings.
        """
        plain = max(_certain(self.value), key=len, default="")
        if len(plain) < _TELLING:
            return None
        raw = encoded(self.value)
        coded = (_stable_base64(raw, shift).translate(_ONE_ALPHABET)[_SWALLOWED:] for shift in range(3))
        return (plain.encode(),), (raw.hex().encode()[_SWALLOWED:],), tuple(coded)

    def may_be_in(self, texts: tuple[bytes, ...]) -> bool:
        """False only when it is in none of them: a plain search, a hundred times faster than the pattern."""
        if self.needles is None:
            return True
        return any(needle in text for text, needles in zip(texts, self.needles, strict=True) for needle in needles)

    @property
    def placeholder(self) -> bytes:
        return b"${" + self.name.encode() + b"}"


@functools.lru_cache(256)  # runs of one process often use the same keys
def pattern_of(value: str) -> re.Pattern[bytes]:
    """Finds a secret in every usual spelling."""
    return re.compile(b"|".join(_forms(value)), re.DOTALL)


def _certain(value: str) -> Iterator[str]:
    """The plain parts of a secret that stand as they are once escapes are undone, whatever stands before them."""
    for run in _PLAIN.finditer(value):
        swallowed = _SWALLOWED if run.start() == 0 or value[run.start() - 1] in "%\\" else 0
        yield run[0][swallowed:]


def looked_through(data: bytes) -> tuple[bytes, ...]:
    """The data as it is, in lower case, and in one base64 alphabet; its escapes undone in each."""
    plain = _ESCAPE.sub(_unescaped, _PADDING.sub(b" ", data))
    return plain, plain.lower(), plain.replace(b"\\/", b"/").translate(_ONE_ALPHABET)


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _strings(value: Any) -> Iterator[str]:
    """Every string of a JSON value, member names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from (key, *_strings(member))
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _strings(member)


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1] or match[2], 16)])


def _within(joined: bytes, start: int, end: int, spans: list[_Span]) -> bytes:
    kept, at = [], start
    for first, last, secret in spans:
        if last <= start or first >= end:
            continue
        kept.append(joined[at : max(first, at)])
        if first >= start:
            kept.append(secret.placeholder)
        at = min(last, end)
    return b"".join([*kept, joined[at:end]])


def _forms(value: str) -> list[bytes]:
    """Regular expressions of one secret: characters in any mixture of escapes, hexadecimal, base64 at any alignment."""
    raw = value.encode(errors="surrogatepass")
    spelled = b"".join(b"(?:" + b"|".join(_spellings(char)) + b")" for char in value)
    return [spelled, b"(?i:" + raw.hex().encode() + b")", *_base64_forms(raw)]


def _spellings(char: str) -> list[bytes]:
    raw = char.encode(errors="surrogatepass")
    units = char.encode("utf-16-be", errors="surrogatepass").hex()
    # The longest spelling first, so that an escaped backslash goes as a whole.
    found = [_SLASHES + _SHORT_ESCAPES[char]] if char in _SHORT_ESCAPES else []
    found.append(b"".join(_SLASHES + rb"u(?i:%s)" % units[at : at + 4].encode() for at in range(0, len(units), 4)))
    found.append(b"".join(b"%%(?i:%02x)" % byte for byte in raw))
    found.append(re.escape(raw))
    return [*found, rb"\+"] if char == " " else found


def _base64_forms(raw: bytes) -> list[bytes]:
    """What stays the same in base64 whatever stands before and after the secret, at each of three alignments."""
    stable = (_stable_base64(raw, shift) for shift in range(3))
    return [b"".join(_either_alphabet(bytes([byte])) for byte in coded) for coded in stable]


def _stable_base64(raw: bytes, shift: int) -> bytes:
    first = (0, 2, 3)[shift]  # characters before this one also hold bits of what stands before
    return base64.b64encode(bytes(shift) + raw)[first : (shift + len(raw)) * 8 // 6]


def _either_alphabet(char: bytes) -> bytes:
    # `=` never stands in the stable part; `+` and `/` also travel as `-` and `_`, or percent-encoded inside a URL.
    special = {b"+": rb"(?:[+\-]|%2[Bb])", b"/": rb"(?:[/_]|\\/|%2[Ff])"}
    return special.get(char, re.escape(char))
