"""Evaluates a report_data formula written as data, over named byte fields.

    address20 || zeros(12) || nonce32
    sha256(address20 || fingerprint32) || nonce32
    pad(sha512('app-data:' || content), 64)
    sha256(hex(nonce32) || key) || zeros(32)

A number at the end of a name is the width that the field must have: without it, bytes could move
from one field to its neighbour and leave the hash as it was. It evaluates nothing but this grammar.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.attest.verdict import Code, Problem, Rejected

REPORT_DATA_BYTES = 64
MAX_EXPRESSION = 500
_TOKEN = re.compile(r"\s*(?:(?P<op>\|\||[(),])|(?P<word>[a-z_][a-z0-9_]*)|(?P<number>\d+)|'(?P<text>[ -&(-~]*)')")
_FIELD = re.compile(r"(?P<name>[a-z_]+?)(?P<width>\d+)?")
_FUNCTIONS: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha384": lambda data: hashlib.sha384(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
    "hex": lambda data: data.hex().encode(),  # lower case, as ASCII
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def evaluate(expression: str, fields: Mapping[str, bytes]) -> bytes:
    """Raises Rejected(binding.malformed) for a bad formula, an unknown field or a field of the wrong width."""
    parser = _Parser(_tokens(expression), fields)
    value = parser.concatenation()
    parser.end()
    return value


def check(expression: str, fields: Mapping[str, bytes], report_data: bytes) -> list[Problem]:
    """Whether `report_data` is what the formula gives, all 64 bytes of it."""
    try:
        expected = evaluate(expression, fields)
    except Rejected as rejected:
        return [rejected.problem]
    if len(expected) != REPORT_DATA_BYTES:
        return [Problem(Code.BINDING_MALFORMED, f"{expression}: gives {len(expected)} bytes, not {REPORT_DATA_BYTES}")]
    if hmac.compare_digest(expected, report_data):
        return []
    reason = f"report_data is {report_data.hex()}, but {expression} gives {expected.hex()}"
    return [Problem(Code.BINDING_MISMATCH, reason)]


def fields_of(expression: str) -> frozenset[str]:
    """Names of the fields that a formula reads, without their widths. Raises Rejected(binding.malformed)."""
    tokens = _tokens(expression)
    following = [*tokens[1:], _Token("op", "")]
    words = [token.text for token, after in zip(tokens, following, strict=True) if _is_field(token, after)]
    return frozenset(_split(word)[0] for word in words)


def _is_field(token: _Token, following: _Token) -> bool:
    return token.kind == "word" and following.text != "("


def _split(word: str) -> tuple[str, int | None]:
    """A name and its width."""
    match = _FIELD.fullmatch(word)
    if match is None:
        return word, None
    return match["name"], int(match["width"]) if match["width"] else None


def _tokens(expression: str) -> list[_Token]:
    if len(expression) > MAX_EXPRESSION:
        raise _malformed(f"formula longer than {MAX_EXPRESSION} characters")
    tokens, at, text = [], 0, expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _malformed(f"{expression}: cannot read {text[at : at + 10]!r}")
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind]))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token], fields: Mapping[str, bytes]) -> None:
        self._tokens, self._fields, self._at = tokens, fields, 0

    def concatenation(self) -> bytes:
        value = self._term()
        while self._peek() == "||":
            self._at += 1
            value += self._term()
        return value

    def end(self) -> None:
        if self._at != len(self._tokens):
            raise _malformed(f"unexpected {self._tokens[self._at].text!r}")

    def _term(self) -> bytes:
        token = self._next()
        if token.kind == "text":
            return token.text.encode()
        if token.kind != "word":
            raise _malformed(f"expected a field or a function, got {token.text!r}")
        return self._call(token.text) if self._peek() == "(" else self._field(token.text)

    def _call(self, name: str) -> bytes:
        self._expect("(")
        if name == "zeros":
            value = bytes(self._size())
        elif name in _FUNCTIONS:
            value = _FUNCTIONS[name](self.concatenation())
        elif name == "pad":
            value = self._padded()
        else:
            raise _malformed(f"unknown function {name!r}")
        self._expect(")")
        return value

    def _padded(self) -> bytes:
        value = self.concatenation()
        self._expect(",")
        size = self._size()
        if len(value) > size:
            raise _malformed(f"pad: {len(value)} bytes do not fit into {size}")
        return value.ljust(size, b"\0")

    def _field(self, word: str) -> bytes:
        name, width = _split(word)
        if name not in self._fields:
            raise _malformed(f"no field {name!r}; there are {', '.join(sorted(self._fields))}")
        value = self._fields[name]
        if width is not None and len(value) != width:
            raise _malformed(f"{name} has {len(value)} bytes, the formula wants {width}")
        return value

    def _size(self) -> int:
        token = self._next()
        if token.kind != "number" or not 0 <= int(token.text) <= REPORT_DATA_BYTES:
            raise _malformed(f"expected a size of 0 to {REPORT_DATA_BYTES}, got {token.text!r}")
        return int(token.text)

    def _peek(self) -> str | None:
        return self._tokens[self._at].text if self._at < len(self._tokens) else None

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise _malformed("the formula ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, text: str) -> None:
        token = self._next()
        if token.kind != "op" or token.text != text:
            raise _malformed(f"expected {text!r}, got {token.text!r}")


def _malformed(reason: str) -> Rejected:
    return Rejected(Code.BINDING_MALFORMED, reason)
