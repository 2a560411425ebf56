"""The engine of the provider: from a body to the pieces of every choice. Waiting and failing is not its task."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from mockserver.behaviours.tokens import tokenize
from mockserver.upstream import Piece, Text, text_pieces
from mockserver.upstream.pieces import step_of, tokens_of

if TYPE_CHECKING:
    import random

    from mockserver.upstream import Job


_SHORT = 4096  # characters of a text whose pieces are remembered


class ToolCall(NamedTuple):
    """A call that the model decided on; `arguments` is the JSON text that goes out."""

    id: str
    name: str
    arguments: str


def generate(job: Job) -> list[Piece]:
    """Every piece of every choice in the order of their steps, and the usage at the end."""
    gateway = job.gateway
    choices = gateway.choices_of(job.body)
    pieces = _choice(job, 0) if choices == 1 else _side_by_side(job, choices)
    completion = len(pieces.plain.tokens) if isinstance(pieces, Text) else sum(map(tokens_of, pieces))
    usage = gateway.engine_usage(job, gateway.count_prompt(job.body), completion)
    last = Piece(pieces[-1].step, 0, usage=usage)
    return pieces.ended_by(last) if isinstance(pieces, Text) else [*pieces, last]


def _side_by_side(job: Job, choices: int) -> list[Piece]:
    pieces = [piece for choice in range(choices) for piece in _choice(job, choice)]
    return sorted(pieces, key=step_of)


def choices_of(body: dict[str, Any]) -> int:
    return body.get("n") or 1


def engine_usage(job: Job, prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _choice(job: Job, choice: int) -> list[Piece]:
    gateway = job.gateway
    rng = gateway.rng_of(job, choice)
    if calls := gateway.pick_calls(job, rng):
        return _call_pieces(job, choice, calls)
    text = gateway.write_json(job, rng)
    return _text_pieces(job, choice, gateway.compose(job, rng) if text is None else text, rng)


def _text_pieces(job: Job, choice: int, text: str, rng: random.Random) -> list[Piece]:
    """Tokens up to the limit or the first stop sequence, each with its logprobs when asked."""
    gateway = job.gateway
    stops, probable = gateway.stops_of(job.body), gateway.wants_logprobs(job.body)
    if not (stops or probable) and gateway.tokenize is tokenize and len(text) <= _SHORT:
        return _remembered(choice, text, job.max_tokens)
    tokens = gateway.tokenize(text)
    kept = tokens[: job.max_tokens]
    finish = "length" if len(tokens) > job.max_tokens else "stop"
    if not stops and not probable:
        return text_pieces(choice, kept, finish)
    if stops:
        pieces, hit = _until_stop(gateway.stop_scanner(stops), choice, kept)
        finish = "stop" if hit else finish
    else:
        pieces = text_pieces(choice, kept, finish)[:-1]
    if probable:
        top = job.body.get("top_logprobs") or 0
        pieces = [p._replace(logprobs=gateway.token_logprobs(p.text, top, rng)) if p.text else p for p in pieces]
    return [*pieces, Piece(pieces[-1].step if pieces else 0, choice, finish=finish)]


@functools.lru_cache(maxsize=256)
def _remembered(choice: int, text: str, most: int) -> Text:
    """Pieces of a short text: answers of a fixed length, and those to a prompt that comes again, are the same ones."""
    tokens = tokenize(text)
    return text_pieces(choice, tokens[:most], "length" if len(tokens) > most else "stop")


def _until_stop(scanner: Any, choice: int, tokens: list[bytes]) -> tuple[list[Piece], bool]:
    """Pieces in which held-back tokens appear when they are safe; each token is counted when it is generated."""
    pieces: list[Piece] = []
    step = 0
    for step, token in enumerate(tokens):
        released = scanner.feed(token)
        pieces.append(Piece(step, choice, released[0] if released else b"", tokens=1))
        pieces += [Piece(step, choice, more) for more in released[1:]]
        if scanner.hit:
            return pieces, True
    return pieces + [Piece(step, choice, token) for token in scanner.flush()], False


def _call_pieces(job: Job, choice: int, calls: list[ToolCall]) -> list[Piece]:
    """The head of each call and its arguments in fragments, cut at the token limit like any text."""
    gateway = job.gateway
    pieces: list[Piece] = []
    for index, call in enumerate(calls):
        head = {"index": index, "id": call.id, "name": call.name}
        pieces.append(Piece(len(pieces), choice, tool=head, tokens=len(gateway.tokenize(call.name))))
        for fragment in gateway.tokenize(call.arguments):
            part = {"index": index, "arguments": fragment}
            pieces.append(Piece(len(pieces), choice, tool=part, tokens=1))
    used, finish = 0, "tool_calls"
    for at, piece in enumerate(pieces):
        used += piece.tokens
        if used > job.max_tokens:
            pieces, finish = pieces[: max(at, 1)], "length"
            break
    return [*pieces, Piece(len(pieces), choice, finish=finish)]
