"""The requests of the fuzz suite, generated from a contract's OpenAPI document by schemathesis. Sends nothing."""

from __future__ import annotations

import contextlib
import functools
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

import specs
from harness.probe import Cost

PAID = frozenset({"createChatCompletion"})  # an accepted request of these operations costs money
EXAMPLE_MODEL = "example-model"  # of our OpenAPI documents; no deployment serves it
MAX_TOKENS = 8
MAX_CHOICES = 2
BYTES_PER_TOKEN = 4  # of JSON, in which a character that is a token or two is escaped by six bytes or twelve
ADDED_BYTES = 128  # to a body by `tamed`: the model, the few tokens, the stream
# Text that some server has tripped over: beyond the basic plane and joined, control characters, marks that combine,
# turn the direction or are no character at all. Chance may miss them: what it draws depends on the code around it.
ODD_TEXTS = ("\U0001f9ea\U0001f468\u200d\U0001f469", "\0\a\x1b[2J", "e\u0301\u202etxet\u202c\ufeff\uffff")
UNKNOWN = "x-schemathesis-unknown-property"  # in a query; HTTP leaves it to the server whether it minds, and few do
SIGNED = {"Authorization": "Bearer a-key"}  # our client replaces it; given, so that generation spends nothing on it


@dataclass(frozen=True)
class Effort:
    """How much to ask within a time box: cases an operation, systematic (boundary values) and random ones.

    Refusals are free, so only valid requests of paid operations are few.
    """

    calls: int = field(compare=False)  # what all contracts of ours come to, at most
    seconds: float = field(default=5.0, compare=False)  # bounds the asking; the cases do not depend on it
    paid: int = 40
    free: int = 500
    random: int = 8
    paid_bytes: int = 27_000  # of all valid requests that cost money: random ones can be long, and prompts have a price

    @property
    def cost(self) -> Cost:
        """The most that is asked; only valid requests of the paid operations have a price."""
        answered = len(ODD_TEXTS) + self.paid + self.random
        return Cost(self.calls, self.paid_bytes // BYTES_PER_TOKEN, answered * MAX_TOKENS * MAX_CHOICES)

    def pays(self, operation: str, mode: GenerationMode) -> bool:
        return operation in PAID and mode is GenerationMode.POSITIVE

    def cases(self, operation: str, mode: GenerationMode) -> int:
        return self.paid if self.pays(operation, mode) else self.free


EFFORTS = {
    "quick": Effort(calls=150, seconds=2.0, paid=8, free=60, random=0, paid_bytes=3_000),
    "standard": Effort(calls=600),
    "full": Effort(calls=1_300, seconds=180.0, paid=200, free=2000, random=200, paid_bytes=300_000),
}


@dataclass(frozen=True)
class Batch:
    """The cases of one operation in one mode, in the order in which they are asked."""

    operation: str  # operationId
    mode: GenerationMode
    refused: bool  # whether the contract promises to refuse the whole operation
    rooted: bool  # whether its path is below the host and not below the base URL
    cases: tuple[Any, ...]


@functools.cache  # generation costs seconds of CPU and depends on nothing else
def batches(contract: str, effort: Effort, seed_number: int) -> tuple[Batch, ...]:
    """All batches of a contract; the few that cost money come first."""
    operations = list(_operations(contract))
    return tuple(
        Batch(name, mode, refused, is_rooted(operation), tuple(_affordable(name, operation, mode, effort, seed_number)))
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for operation in operations
        for name, refused in [(_id_of(operation), "refused" in operation.tags)]
        if not (refused and mode is GenerationMode.NEGATIVE)  # it declares no input that could be wrong
    )


def _affordable(name: str, operation: Any, mode: GenerationMode, effort: Effort, seed_number: int) -> Iterable[Any]:
    found = _cases(operation, mode, effort.cases(name, mode), effort.random, seed_number)
    return _within(effort.paid_bytes, [*_odd(found), *found]) if effort.pays(name, mode) else found


def _odd(cases: list[Any]) -> Iterator[Any]:
    """The shortest of the requests, about odd text."""
    if cases:
        plain = min(cases, key=lambda case: len(json.dumps(case.body, default=str)))
        for text in ODD_TEXTS:
            case = plain.derive()
            case.body = {**plain.body, "messages": [{"role": "user", "content": text}]}
            yield case


def _cases(operation: Any, mode: GenerationMode, most: int, more: int, seed_number: int) -> list[Any]:
    """Boundary values of every parameter, shuffled so that a time box cuts evenly, then random cases."""
    schema = operation.schema
    settled = schema.config.generation_for(operation=operation)
    found = schema.iter_coverage_cases(operation, generation_modes=[mode], generation_config=settled)
    asked = (case for case in found if case.method == operation.method.upper())
    systematic = [case for case in asked if UNKNOWN not in (case.query or {})]
    random.Random(seed_number).shuffle(systematic)  # noqa: S311 - a reproducible order
    return systematic[:most] + _random(operation, mode, more, seed_number)


def _within(most: int, cases: Iterable[Any]) -> Iterator[Any]:
    """The cases whose bodies, with what `tamed` adds to each, come to at most this many bytes."""
    for case in cases:
        size = len(json.dumps(case.body, default=str)) + ADDED_BYTES
        if size <= most:
            most -= size
            yield case


def _random(operation: Any, mode: GenerationMode, most: int, seed_number: int) -> list[Any]:
    made: list[Any] = []
    if most == 0 or not operation.body:
        return made  # where there is no body, the systematic cases are all there are

    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @seed(seed_number)
    @given(case=operation.as_strategy(generation_mode=mode, headers=SIGNED))
    def collect(case: Any) -> None:
        made.append(case)

    with contextlib.suppress(Unsatisfiable):  # an operation without input has no invalid one
        collect()
    return made


def tamed(body: Any, model: str, *, stream: bool) -> Any:
    """A valid chat request that is cheap to answer: a real model, few tokens, few choices; still valid."""
    if not isinstance(body, Mapping):
        return body
    asked = {**body, "model": model, "max_tokens": MAX_TOKENS, "stream": stream}
    asked.pop("max_completion_tokens", None)
    if not stream:
        asked.pop("stream_options", None)
    if asked.get("n") is not None:
        asked["n"] = min(int(asked["n"]), MAX_CHOICES)
    offered = {tool["function"]["name"] for tool in asked.get("tools") or ()}
    choice = asked.get("tool_choice")
    named = choice["function"]["name"] if isinstance(choice, Mapping) else None
    if (named is not None and named not in offered) or not offered:
        asked.pop("tool_choice", None)
    return asked


def addressed(body: Any, model: str) -> Any:
    """An invalid chat request to a real model, unless the model is what is wrong: an unknown one is refused unread."""
    if isinstance(body, Mapping) and body.get("model") == EXAMPLE_MODEL:
        return {**body, "model": model}
    return body


def _operations(contract: str) -> Iterator[Any]:
    # The base URL is a stand-in: each case is addressed to the target when it is sent.
    config = schemathesis.Config.from_dict({"base-url": "http://target.invalid", "generation": {"database": "none"}})
    schema = schemathesis.openapi.from_dict(specs.load(contract).openapi, config=config)
    for found in schema.get_all_operations():
        yield found.ok()  # type: ignore[union-attr] # our own documents hold no invalid operation


def is_rooted(operation: Any) -> bool:
    """Whether a server of its own puts the path at the root."""
    servers = operation.schema.raw_schema["paths"][operation.path].get("servers", ())
    return any(server.get("url") == "/" for server in servers)


def _id_of(operation: Any) -> str:
    return str(operation.definition.raw.get("operationId", operation.label))
