"""Requests that are meant badly, by the grammar of what they break; what each may be answered with. Data only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.fuzz.socket import Pause, Speaker, spelled

REFUSED = "refused"  # a 4xx
REFUSED_OR_CLOSED = "refused or the connection is closed"
SANE = "any answer but a server error"
UNANSWERED = "no success"
PAUSE_S = 0.01
DEEP, WIDE, LONG = 5_000, 20_000, 60_000


@dataclass(frozen=True)
class Attack:
    """One hostile request. `may_cost` is its body where an answer might be paid for."""

    requirement: str
    name: str
    pieces: tuple[bytes | Pause, ...]
    allowed: str
    may_cost: bytes = b""
    hang_up: bool = False
    one_answer: bool = False  # a second one would answer what was smuggled in


class Arsenal:
    """All attacks on one target."""

    def __init__(self, speaker: Speaker, model: str) -> None:
        self.speaker = speaker
        self.chat = f"{speaker.base}/chat/completions"
        self.members: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": "@"}],
            "max_tokens": 8,
            "temperature": 0.5,
        }
        self.plain = json.dumps(self.members).encode()
        self.refused = json.dumps({**self.members, "max_tokens": -1}).encode()  # costs nothing however long it is

    def all(self) -> Iterator[Attack]:
        """Every attack, in a fixed order."""
        yield from self._nested()
        yield from self._numbers()
        yield from self._no_json()
        yield from self._texts()
        yield from self._bytes()
        yield from self._twice()
        yield from self._lengths()
        yield from self._chunks()
        yield from self._headers()
        yield from self._halves()
        yield from self._targets()

    def post(self, body: bytes) -> tuple[bytes, ...]:
        return (spelled("POST", self.chat, self.speaker.headers(body)) + body,)

    def _body(self, requirement: str, name: str, body: bytes, allowed: str) -> Attack:
        costs = body if allowed == SANE and b'"max_tokens": -1' not in body else b""
        return Attack(requirement, name, self.post(body), allowed, may_cost=costs)

    def _with(self, old: bytes, new: bytes) -> bytes:
        assert old in self.plain
        return self.plain.replace(old, new)

    def _nested(self) -> Iterator[Attack]:
        end = self.refused[:-1]
        yield self._body("FZ-040", "arrays in arrays", end + b', "x": ' + b"[" * DEEP + b"]" * DEEP + b"}", SANE)
        inner = b'{"a":' * DEEP + b"1" + b"}" * DEEP
        yield self._body("FZ-040", "objects in objects", end + b', "x": ' + inner + b"}", SANE)
        yield self._body("FZ-040", "arrays without an end", b"[" * LONG, REFUSED)
        yield self._body("FZ-040", "objects without an end", b'{"a":' * DEEP, REFUSED)
        many = b", ".join(b'"m%d": 0' % n for n in range(WIDE))
        yield self._body("FZ-040", "twenty thousand members", end + b", " + many + b"}", SANE)
        yield self._body("FZ-040", "a name of sixty thousand characters", end + b', "' + b"n" * LONG + b'": 0}', SANE)
        roles = self.refused.replace(b'"@"', b"[" + b", ".join([b"[]"] * 2000) + b"]")
        yield self._body("FZ-040", "two thousand lists as content", roles, REFUSED)

    def _numbers(self) -> Iterator[Attack]:
        for word, allowed in (("1e999", REFUSED), ("-1e999", REFUSED), ("-" + "9" * 400, REFUSED), ("1e-9999", SANE)):
            yield self._body("FZ-041", f"temperature {word[:8]}", self._with(b"0.5", word.encode()), allowed)
        for word, allowed in (("1e999", REFUSED), ("-" + "9" * 400, REFUSED), ("9" * 400, SANE), ("0.1e-400", REFUSED)):
            yield self._body("FZ-041", f"max_tokens {word[:8]}", self._with(b"8,", word.encode() + b","), allowed)
        long = self.refused.replace(b"0.5", b"0." + b"5" * 5000)
        yield self._body("FZ-041", "a number of five thousand digits", long, SANE)
        yield self._body("FZ-041", "2 to the power of 63", self._with(b"0.5", str(2**63).encode()), REFUSED)

    def _no_json(self) -> Iterator[Attack]:
        for word in ("NaN", "Infinity", "-Infinity", "nan", "+1", "01", ".5", "1.", "0x1", "1_0", "undefined", "True"):
            yield self._body("FZ-042", f"the word {word}", self._with(b"0.5", word.encode()), REFUSED)
        plain = self.plain
        for name, body in {
            "a comma too many": plain[:-1] + b",}",
            "a comment": plain + b" // ",
            "two documents": plain + plain,
            "single quotes": plain.replace(b'"', b"'"),
            "names without quotes": plain.replace(b'"model"', b"model"),
            "a line end in a text": self._with(b"@", b"a\nb"),
            "a zero byte after the end": plain + b"\0",
            "an unknown escape": self._with(b"@", b"\\x41"),
            "nothing but blanks": b" \n ",
            "a list": b"[" + plain + b"]",
            "null": b"null",
        }.items():
            yield self._body("FZ-042", name, body, REFUSED)

    def _texts(self) -> Iterator[Attack]:
        for name, text in {
            "half a pair": b"\\ud800",
            "a pair the wrong way round": b"\\udc00\\ud800",
            "half a pair before a letter": b"\\ud83dx",
            "a zero character": b"\\u0000",
            "no character at all": b"\\uffff\\ufffe\\ufdd0",
            "two hundred marks on a letter": b"a" + b"\\u0301" * 200,
            "a text that turns round": b"\\u202e\\u2066abc",
        }.items():
            yield self._body("FZ-043", name, self._with(b"@", text), SANE)
        yield self._body("FZ-043", "half a pair as a model", self._with(b'"model": "', b'"model": "\\ud800'), REFUSED)
        yield self._body("FZ-043", "half a pair as a name", self.plain[:-1] + b', "\\ud800": 1}', SANE)

    def _bytes(self) -> Iterator[Attack]:
        for name, data in {
            "an overlong slash": b"\xc0\xaf",
            "an overlong zero": b"\xe0\x80\x80",
            "half a pair in bytes": b"\xed\xa0\x80",
            "beyond the last character": b"\xf4\x90\x80\x80",
            "a byte that never is": b"\xff",
            "Latin-1": b"\xe9",
            "a character cut short": b"\xf0\x9f\xa7",
        }.items():
            yield self._body("FZ-044", name, self._with(b"@", data), REFUSED)
        yield self._body("FZ-044", "an overlong name", self._with(b'"temperature"', b'"temper\xc1\xa1ture"'), REFUSED)
        yield self._body("FZ-044", "UTF-16", self.plain.decode().encode("utf-16"), REFUSED)

    def _twice(self) -> Iterator[Attack]:
        end = self.plain[:-1]
        for name, member in {
            "a second max_tokens that is a text": b'"max_tokens": "x"',
            "second messages that are a number": b'"messages": 1',
            "a second temperature out of bounds": b'"temperature": 9',
            "a second model that is a number": b'"model": 1',
        }.items():
            yield self._body("FZ-045", name, end + b", " + member + b"}", REFUSED)

    def _framed(self, name: str, headers: dict[str, str] | list[tuple[str, str]], body: bytes, more: bool) -> Attack:
        pairs = list(headers.items()) if isinstance(headers, dict) else headers
        own = self.speaker.headers(b"", length=False, close=False)
        head = spelled("POST", self.chat, [*own, *pairs])
        hidden = spelled("GET", f"{self.speaker.base}/assay-smuggled", self.speaker.headers(close=False))
        data = head + body + (hidden if more else b"")
        return Attack("FZ-046", name, (data,), REFUSED_OR_CLOSED, one_answer=True)

    def _lengths(self) -> Iterator[Attack]:
        size, te = str(len(self.plain)), ("Transfer-Encoding", "chunked")
        none = b"0\r\n\r\n"
        yield self._framed("a length and chunks", [("Content-Length", size), te], none, more=True)
        yield self._framed("chunks and a length", [te, ("Content-Length", "5")], none, more=True)
        yield self._framed("two lengths", [("Content-Length", size), ("Content-Length", "5")], self.plain, more=True)
        yield self._framed("a list of two lengths", {"Content-Length": f"{size}, 5"}, self.plain, more=True)
        for length in (f"+{size}", f"-{size}", f"0x{len(self.plain):x}", f"{size} 1", "9" * 30, size + "\x0b"):
            yield self._framed(f"the length {length[:6].strip()!r}", {"Content-Length": length}, self.plain, more=False)
        for coding in ("xchunked", "chunked, identity", "identity, chunked, identity", "chunk", "chunked\x0b"):
            yield self._framed(f"the coding {coding!r}", {"Transfer-Encoding": coding}, none, more=True)

    def _chunked(self, name: str, data: bytes) -> Attack:
        own = self.speaker.headers(b"", length=False)
        head = spelled("POST", self.chat, [*own, ("Transfer-Encoding", "chunked")])
        return Attack("FZ-047", name, (head + data,), REFUSED_OR_CLOSED, one_answer=True)

    def _chunks(self) -> Iterator[Attack]:
        body, size = self.plain, f"{len(self.plain):x}".encode()
        whole, end = b"\r\n" + body + b"\r\n", b"0\r\n\r\n"
        for name, data in {
            "a size that is no number": b"zz" + whole + end,
            "a negative size": b"-" + size + whole + end,
            "a size with 0x": b"0x" + size + whole + end,
            "a size above all bounds": b"F" * 17 + whole + end,
            "a size with a blank before it": b" " + size + whole + end,
            "no line end after a chunk": size + b"\r\n" + body + end,
            "a chunk longer than its size": f"{len(body) - 3:x}".encode() + whole + end,
            "no size at all": whole + end,
        }.items():
            yield self._chunked(name, data)

    def _head(self, name: str, head: bytes, body: bytes, allowed: str = REFUSED_OR_CLOSED) -> Attack:
        return Attack("FZ-048", name, (head + body,), allowed, one_answer=True)

    def _headers(self) -> Iterator[Attack]:
        """Broken heads over a request that would be answered: a path that is not there would be refused anyway."""
        own = self.speaker.headers(self.plain)
        sound = spelled("POST", self.chat, own)
        no_host = spelled("POST", self.chat, [pair for pair in own if pair[0] != "Host"])
        two_hosts = spelled("POST", self.chat, [*own, ("Host", "other.example")])
        for name, head in {
            "no host": no_host,
            "two hosts": two_hosts,
            "a blank before a colon": sound.replace(b"Accept:", b"Accept :"),
            "a line that is folded": sound.replace(b"Accept: */*", b"X-Assay: a\r\n b"),
            "a zero byte in a value": sound.replace(b"*/*", b"*\0*"),
            "a carriage return in a value": sound.replace(b"*/*", b"a\rX-Assay: b"),
            "a header without a colon": sound.replace(b"Accept: */*", b"Accept"),
            "a header without a name": sound.replace(b"Accept: */*", b": */*"),
            "a blank in a name": sound.replace(b"Accept:", b"Acc ept:"),
        }.items():
            yield self._head(name, head, self.plain)
        cheap = self.speaker.headers(self.refused)
        for name, more in {
            "a value of sixty thousand characters": [("X", "a" * LONG)],
            "a thousand headers": [(f"X-{n}", "a") for n in range(1_000)],
        }.items():
            yield self._head(name, spelled("POST", self.chat, [*cheap, *more]), self.refused, SANE)

    def _halves(self) -> Iterator[Attack]:
        own = self.speaker.headers(b"", length=False)
        longer = spelled("POST", self.chat, [*own, ("Content-Length", str(len(self.plain) + 40))]) + self.plain
        yield Attack("FZ-050", "a body shorter than its length", (longer,), UNANSWERED, hang_up=True)
        chunk = f"{len(self.plain):x}\r\n".encode() + self.plain + b"\r\n"
        chunked = spelled("POST", self.chat, [*own, ("Transfer-Encoding", "chunked")]) + chunk
        yield Attack("FZ-050", "chunks without the last one", (chunked,), UNANSWERED, hang_up=True)
        head = spelled("POST", self.chat, self.speaker.headers(self.plain))
        yield Attack("FZ-050", "a head without its end", (head[:-2],), UNANSWERED, hang_up=True)
        yield Attack("FZ-050", "half a body", (head + self.plain[:40],), UNANSWERED, hang_up=True)

    def _targets(self) -> Iterator[Attack]:
        base = self.speaker.base
        for name, target in {
            "dots": f"{base}/../../etc/passwd",
            "encoded dots": f"{base}/%2e%2e/%2e%2e/etc/passwd",
            "two slashes": f"/{base}//models",
            "a zero byte": f"{base}/models/%00",
            "no UTF-8": f"{base}/models/%ff%fe",
            "an overlong slash": f"{base}/models/%c0%af",
            "half an escape": f"{base}/models/%",
            "no escape": f"{base}/models/%zz",
            "ten thousand characters": f"{base}/models/" + "a" * 10_000,
            "a query of ten thousand members": f"{base}/models?" + "&".join(f"a{n}=1" for n in range(2_000)),
            "a query of odd bytes": f"{base}/models?a=%ff&b=%00&=&&%",
            "an asterisk": "*",
        }.items():
            head = spelled("GET", target, self.speaker.headers())
            yield Attack("FZ-052", name, (head,), SANE)
        for method in ("TRACE", "PROPFIND", "OPTIONS", "QUERY"):
            yield Attack("FZ-052", f"the method {method}", (spelled(method, self.chat, self.speaker.headers()),), SANE)
