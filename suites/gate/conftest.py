"""The story of one flip: a model that loses its confidential flag and gets it back, told once for all checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.wire.exchange import Exchange
from suites.purse import open_account


@dataclass(frozen=True)
class Flip:
    """Answers to the same request before, while and after the model is without its flag."""

    model: str
    before: Exchange
    refused: Exchange
    streamed: Exchange
    restored: Exchange
    refused_again: Exchange
    upstream: tuple[dict[str, Any], ...]  # what the provider was asked while the flag was off


@probe(calls=5, prompt_tokens=100, completion_tokens=2)
def flip(ask: Ask, spares: Callable[[int], str]) -> Flip:
    purse, spare = open_account(ask), spares(1)

    def call(**members: Any) -> Exchange:
        return ask.chat(model=spare, max_tokens=1, key=purse.key, **members)

    before = call()
    known = len(purse.upstream_calls())
    with ask.control.flipped(spare):
        refused, streamed = call(), call(stream=True)
        upstream = purse.upstream_calls()[known:]
    restored = call()
    with ask.control.flipped(spare):
        again = call()
    return Flip(spare, before, refused, streamed, restored, again, tuple(upstream))
