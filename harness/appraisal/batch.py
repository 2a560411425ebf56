"""Evidence in bulk: one JSON object a line, one verdict a line, in the same order, over any number of processes.

A line that cannot be taken gets a verdict of its own, and the rest goes on. At most a few chunks are held at a time.
"""

from __future__ import annotations

import json
import signal
import traceback
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import IO, Any

from harness import appraisal
from harness.appraisal import asked
from harness.attest import Code, Rejected
from harness.attest.adapters import detect, raw_quote, reading
from harness.attest.evidence import MAX_DOCUMENT_BYTES
from harness.attest.gpu import payload
from harness.model import Exit

MAX_LINE_BYTES = MAX_DOCUMENT_BYTES
CHUNK_LINES, CHUNK_BYTES = 16, 256 * 1024  # what one process gets at once: whichever is reached first
AHEAD = 4  # chunks in flight for each process
_MEMBERS = frozenset({"id", "evidence", "nonce", "at"})

Line = tuple[int, bytes | None]  # its number from 1; None: longer than MAX_LINE_BYTES


@dataclass(frozen=True)
class Outcome:
    verdict: str  # accepted, rejected, malformed; unjudged: nothing to judge it by; fault: of ours
    exit_code: int
    test_roots: bool
    text: str  # one line of JSON


@dataclass(frozen=True)
class Judge:
    """What every line is judged by; a line's own nonce and moment go before those of the question."""

    anchors: appraisal.Anchors
    question: appraisal.Question
    alone: appraisal.Question  # for a bare quote, or a GPU payload, with nothing beside it

    def outcome(self, number: int, raw: bytes | None) -> Outcome:
        """Never raises: one bad line must not take the others with it."""
        named: dict[str, Any] = {"line": number, "id": None}
        try:
            evidence, values = _read(raw)
            named["id"] = _typed(values, "id", str, int)
            found = _appraised(evidence, self.anchors, self._asked(evidence, values))
        except Rejected as rejected:
            found = appraisal.Appraisal((rejected.problem,), ())
        except appraisal.Missing as missing:
            return _without(named, "unjudged", str(missing), Exit.BAD_INVOCATION)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            return _without(named, "fault", said, Exit.HARNESS_FAULT)
        return Outcome(found.verdict, found.exit_code, found.test_roots, _line(named | found.document))

    def _asked(self, evidence: bytes, values: dict[str, Any]) -> appraisal.Question:
        """Raises Rejected(evidence.malformed)."""
        nonce, at = _typed(values, "nonce", str), _typed(values, "at", str, int)
        question = self.alone if _is_alone(evidence) else self.question
        try:
            if nonce is not None:
                question = replace(question, nonce=asked.challenge(nonce))
            return question if at is None else replace(question, at=asked.moment(str(at)))
        except ValueError as error:
            raise _malformed(str(error)) from error


def judged(stream: IO[bytes], judge: Judge, workers: int) -> Iterator[Outcome]:
    """In the order of the lines. One worker is this process, which answers each line before it reads the next."""
    if workers == 1:
        return (judge.outcome(*line) for line in numbered(stream))
    return spread(chunked(numbered(stream)), judge, workers)


def numbered(stream: IO[bytes]) -> Iterator[Line]:
    """The lines that hold something, never more than MAX_LINE_BYTES of one."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) <= MAX_LINE_BYTES:
            if raw.strip():
                yield number, raw
            continue
        while raw and not raw.endswith(b"\n"):
            raw = stream.readline(MAX_LINE_BYTES)
        yield number, None


def chunked(lines: Iterable[Line]) -> Iterator[tuple[Line, ...]]:
    chunk, size = list[Line](), 0
    for line in lines:
        chunk.append(line)
        size += len(line[1] or b"")
        if len(chunk) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield tuple(chunk)
            chunk, size = [], 0
    if chunk:
        yield tuple(chunk)


def spread(chunks: Iterable[tuple[Line, ...]], judge: Judge, workers: int) -> Generator[Outcome]:
    """Reading stops while AHEAD chunks a process wait, so memory does not grow with the input."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _take_over, (judge,))
    waiting = deque[Future[list[Outcome]]]()
    try:
        for chunk in chunks:
            waiting.append(pool.submit(_judge_chunk, chunk))
            if len(waiting) == AHEAD * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


_ours: Judge  # of a worker process, which keeps what was once read of the anchors


def _take_over(judge: Judge) -> None:
    global _ours
    _ours = judge
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops us


def _judge_chunk(chunk: tuple[Line, ...]) -> list[Outcome]:
    return [_ours.outcome(*line) for line in chunk]


def _read(raw: bytes | None) -> tuple[bytes, dict[str, Any]]:
    """The evidence of a line, and what else it says. Raises Rejected(evidence.malformed)."""
    if raw is None:
        raise _malformed(f"more than {MAX_LINE_BYTES} bytes")
    members = reading.raw_members(raw, "line")
    if strange := sorted(members.keys() - _MEMBERS):
        raise _malformed(f"strange members {', '.join(strange)}; a line has {', '.join(sorted(_MEMBERS))}")
    if "evidence" not in members:
        raise _malformed("no member evidence")
    return _evidence(members.pop("evidence")), {name: json.loads(value) for name, value in members.items()}


def _is_alone(evidence: bytes) -> bool:
    """What --quote and --gpu take on the command line."""
    if raw_quote.recognises(evidence):
        return True
    if b'"evidence_list"' not in evidence:
        return False
    try:
        detect(evidence)
    except Rejected:
        return payload.recognises(evidence)
    return False


def _appraised(evidence: bytes, anchors: appraisal.Anchors, question: appraisal.Question) -> appraisal.Appraisal:
    if question.nonce is None and anchors.quotes is not None and raw_quote.recognises(evidence):
        return appraisal.of_quote(evidence, anchors.quotes, question)
    return appraisal.of_document(evidence, anchors, question)


def _evidence(value: bytes) -> bytes:
    """A document is taken as its bytes stand in the line; text is hex or base64, or else the evidence itself."""
    if not value.startswith(b'"'):
        return value
    said: dict[str, str] = {"evidence": json.loads(value)}
    for decoder in (reading.hex_bytes, reading.base64_bytes):
        try:
            return decoder(said, "evidence")
        except Rejected:
            continue
    return said["evidence"].encode("utf-8", "surrogatepass")


def _typed(values: dict[str, Any], name: str, *kinds: type) -> Any:
    value = values.get(name)
    if value is not None and type(value) not in kinds:
        raise _malformed(f"{name}: expected {' or '.join(kind.__name__ for kind in kinds)}")
    return value


def _malformed(reason: str) -> Rejected:
    return Rejected(Code.EVIDENCE_MALFORMED, reason)


def _without(named: dict[str, Any], verdict: str, reason: str, exit_code: int) -> Outcome:
    """No judge has spoken, so there is no code of theirs."""
    document = named | appraisal.Appraisal((), (), unjudged=(reason,)).document | {"verdict": verdict, "code": None}
    return Outcome(verdict, int(exit_code), False, _line(document))


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
