"""Rewritings of a request that mean the same, and what an answer means: whatever differs between two is a breach."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.fuzz.reach import code_of
from harness.fuzz.socket import Pause, Piece, spelled
from harness.wire.exchange import Exchange

UNRESERVED = re.compile(r"[A-Za-z]")
TELLING = frozenset({"object", "model", "prompt_tokens", "owned_by", "type", "code", "param", "role"})
HEADERS_THAT_VARY = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "age"})
DRIP_S = 0.002


@dataclass(frozen=True)
class Subject:
    """A request of which rewritings are asked."""

    name: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None
    paid: bool = False

    def spoken(self) -> bytes:
        return spelled(self.method, self.path, self.headers) + (self.body or b"")

    def with_body(self, body: bytes) -> Subject:
        headers = tuple((n, str(len(body)) if n.lower() == "content-length" else v) for n, v in self.headers)
        return replace(self, body=body, headers=headers)


Pieces = list[Piece]
Rewriting = Callable[[Subject, random.Random], Pieces | None]
REWRITINGS: dict[str, tuple[str, Rewriting]] = {}


def rewriting(requirement: str) -> Callable[[Rewriting], Rewriting]:
    """Register a rewriting under the requirement that says it means the same; None where it does not apply."""

    def register(made: Rewriting) -> Rewriting:
        REWRITINGS[made.__name__.replace("_", " ")] = requirement, made
        return made

    return register


@rewriting("FZ-020")
def headers_in_another_order(subject: Subject, rng: random.Random) -> Pieces:
    shuffled = list(subject.headers)
    while shuffled == list(subject.headers):
        rng.shuffle(shuffled)
    return [replace(subject, headers=tuple(shuffled)).spoken()]


@rewriting("FZ-020")
def header_names_in_capitals(subject: Subject, rng: random.Random) -> Pieces:
    return [replace(subject, headers=tuple((name.upper(), value) for name, value in subject.headers)).spoken()]


@rewriting("FZ-020")
def header_names_in_small_letters(subject: Subject, rng: random.Random) -> Pieces:
    return [replace(subject, headers=tuple((name.lower(), value) for name, value in subject.headers)).spoken()]


@rewriting("FZ-020")
def blanks_around_header_values(subject: Subject, rng: random.Random) -> Pieces:
    return [replace(subject, headers=tuple((name, f" \t{value} \t") for name, value in subject.headers)).spoken()]


@rewriting("FZ-021")
def members_in_another_order(subject: Subject, rng: random.Random) -> Pieces | None:
    return _rewritten(subject, lambda body: json.dumps(dict(reversed(list(body.items())))))


@rewriting("FZ-021")
def blanks_between_members(subject: Subject, rng: random.Random) -> Pieces | None:
    return _rewritten(subject, lambda body: "\r\n\t " + json.dumps(body, indent=3, separators=(" ,", " : ")) + " \n")


@rewriting("FZ-021")
def texts_in_escapes(subject: Subject, rng: random.Random) -> Pieces | None:
    return _rewritten(subject, lambda body: re.sub(r'(?<=")[A-Za-z_]+(?=")', _escaped, json.dumps(body)))


@rewriting("FZ-021")
def letters_without_escapes(subject: Subject, rng: random.Random) -> Pieces | None:
    return _rewritten(subject, lambda body: json.dumps(body, ensure_ascii=False))


@rewriting("FZ-021")
def media_type_with_a_parameter(subject: Subject, rng: random.Random) -> Pieces | None:
    if subject.body is None:
        return None
    kind = "Application/JSON; charset=utf-8"
    return [
        replace(subject, headers=tuple((n, kind if n == "Content-Type" else v) for n, v in subject.headers)).spoken()
    ]


@rewriting("FZ-022")
def members_that_nobody_knows(subject: Subject, rng: random.Random) -> Pieces | None:
    more = {"x_assay_unknown": {"max_tokens": 1, "model": "none"}, "x_assay_other": [None, True]}
    return _rewritten(subject, lambda body: json.dumps({"x_assay_first": 0, **body, **more}))


@rewriting("FZ-023")
def sent_in_small_pieces(subject: Subject, rng: random.Random) -> Pieces:
    whole, pieces, at = subject.spoken(), list[Any](), 0
    while at < len(whole):
        size = rng.randint(1, max(2, len(whole) // 12))
        pieces += [whole[at : at + size], Pause(DRIP_S)]
        at += size
    return pieces


@rewriting("FZ-023")
def cut_inside_a_line_end(subject: Subject, rng: random.Random) -> Pieces:
    head, _, body = subject.spoken().partition(b"\r\n\r\n")
    return [head + b"\r", Pause(DRIP_S), b"\n\r", Pause(DRIP_S), b"\n" + body]


@rewriting("FZ-023")
def cut_inside_characters(subject: Subject, rng: random.Random) -> Pieces | None:
    if subject.body is None:
        return None
    whole = subject.with_body(json.dumps(json.loads(subject.body), ensure_ascii=False).encode()).spoken()
    pieces, start = list[Piece](), 0
    for at in (n for n, byte in enumerate(whole) if 0x80 <= byte < 0xC0):  # all bytes but the first of a character
        pieces += [whole[start:at], Pause(DRIP_S)]
        start = at
    return [*pieces, whole[start:]]


@rewriting("FZ-024")
def body_in_chunks(subject: Subject, rng: random.Random) -> Pieces | None:
    return _chunked(subject, lambda size: f"{size:x}")


@rewriting("FZ-024")
def body_in_chunks_with_extensions(subject: Subject, rng: random.Random) -> Pieces | None:
    return _chunked(subject, lambda size: f"00{size:X};assay=1", b"X-Trailer: 1\r\n")


@rewriting("FZ-025")
def path_percent_encoded(subject: Subject, rng: random.Random) -> Pieces:
    last = subject.path.rsplit("/", 1)[-1].split("?")[0]
    found = UNRESERVED.search(last)
    assert found is not None
    at = len(subject.path.split("?")[0]) - len(last) + found.start()
    path = f"{subject.path[:at]}%{ord(subject.path[at]):02x}{subject.path[at + 1 :]}"
    return [replace(subject, path=path).spoken()]


@rewriting("FZ-025")
def path_with_a_host(subject: Subject, rng: random.Random) -> Pieces:
    host = next(value for name, value in subject.headers if name == "Host")
    return [replace(subject, path=f"http://{host}{subject.path}").spoken()]


def _rewritten(subject: Subject, how: Callable[[dict[str, Any]], str]) -> Pieces | None:
    return None if subject.body is None else [subject.with_body(how(json.loads(subject.body)).encode()).spoken()]


def _chunked(subject: Subject, size: Callable[[int], str], trailer: bytes = b"") -> Pieces | None:
    if subject.body is None:
        return None
    headers = [pair for pair in subject.headers if pair[0] != "Content-Length"]
    head = spelled(subject.method, subject.path, [*headers, ("Transfer-Encoding", "chunked")])
    half = len(subject.body) // 2
    parts = (subject.body[:half], subject.body[half:])
    chunks = b"".join(size(len(part)).encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return [head + chunks + b"0\r\n" + trailer + b"\r\n"]


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in found[0])


def meaning(x: Exchange) -> dict[str, str]:
    """What an answer means, by place: its status, its headers, the shape of its body, and what must not vary.

    The words of a model may vary from one answer to the next, and so may ids and times.
    """
    said = {"status": str(x.head_status), "media type": (x.header("content-type") or "").lower()}
    said |= {f"header {name.lower()}": "there" for name, _ in x.headers if name.lower() not in HEADERS_THAT_VARY}
    if (code := code_of(x)) or (x.head_status or 0) >= 400:
        said["error"] = code
    if x.complete and not x.is_stream:
        said |= dict(_shape(x.json, ""))
    return said


def _shape(node: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _shape(value, f"{place}/{name}")
    elif isinstance(node, list):
        yield place, f"{len(node)} entries"
        for n, value in enumerate(node[:3]):
            yield from _shape(value, f"{place}/{n}")
    else:
        last = place.rsplit("/", 1)[-1]
        yield place, repr(node) if last in TELLING else type(node).__name__


def differences(first: dict[str, str], second: dict[str, str], other: dict[str, str]) -> list[str]:
    """Where another answer means something else than two that agree with each other."""
    stable = {place: said for place, said in first.items() if second.get(place) == said}
    unstable = (first.keys() | second.keys()) - stable.keys()
    missed = [
        f"{place}: {said}, then {other.get(place, 'nothing')}"
        for place, said in stable.items()
        if other.get(place) != said
    ]
    added = [f"{place}: {said}, where there was nothing" for place, said in other.items() if place not in stable]
    return missed + [line for line in added if line.split(": ")[0] not in unstable]
