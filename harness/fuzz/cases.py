"""The requests of the fuzz suite, generated from a contract's OpenAPI document by schemathesis. Sends nothing."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

import specs
from harness.asking.probe import Cost

KIND = "x-paid"  # of an operation whose accepted requests cost money: what kind of model answers
CHAT = "chat"
FEW = 6  # valid requests of a paid operation that is not chat
MAX_TOKENS = 8
MAX_CHOICES = 2
SMALL_IMAGE = "256x256"
BYTES_PER_TOKEN = 4  # of JSON, in which a character that is a token or two is escaped by six bytes or twelve
ADDED_BYTES = 128  # to a body by `tamed`: the model, the few tokens, the stream
# Text that some server has tripped over: beyond the basic plane and joined, control characters, marks that combine,
# turn the direction or are no character at all. Chance may miss them: what it draws depends on the code around it.
ODD_TEXTS = ("\U0001f9ea\U0001f468\u200d\U0001f469", "\0\a\x1b[2J", "e\u0301\u202etxet\u202c\ufeff\uffff")
TOGETHER = 6  # members that one request combines
_ABOUT = re.compile(r"Object with (?:valid|all required properties and) '(\w+)'")
UNKNOWN = "x-schemathesis-unknown-property"  # in a query; HTTP leaves it to the server whether it minds, and few do
SIGNED = {"Authorization": "Bearer a-key", "X-VoltageGPU-Key": "a-key"}  # our client sends its own; saves generation


@dataclass(frozen=True)
class Effort:
    """How much to ask within a time box: cases an operation, systematic (boundary values) and random ones.

    Refusals are free, so only valid requests of paid operations are few.
    """

    calls: int = field(compare=False)  # what all contracts of ours come to, at most
    seconds: float = field(default=8.0, compare=False)  # bounds the asking; the cases do not depend on it
    paid: int = 40  # of all paid operations together
    free: int = 500
    small: int = 80  # free ones of an operation that is not chat
    random: int = 0  # each costs a hundred times the processor time of a systematic one to make
    paid_bytes: int = 27_000  # of all valid requests that cost money: random ones can be long, and prompts have a price

    @property
    def cost(self) -> Cost:
        """The most that is asked; only valid requests of the paid operations have a price."""
        answered = len(ODD_TEXTS) + self.paid + self.random
        return Cost(self.calls, self.paid_bytes // BYTES_PER_TOKEN, answered * MAX_TOKENS * MAX_CHOICES)

    @staticmethod
    def seed_of(seed_number: int, round_number: int) -> int:
        """Of a later round: another one than any earlier round of the same run had."""
        return seed_number + 1_000_003 * round_number

    def share(self, kind: str, others: int) -> tuple[int, int]:
        """Cases and bytes of one paid operation beside `others` that are not chat."""
        if kind != CHAT:
            return min(FEW, self.paid // 4), self.paid_bytes // 16
        return self.paid - others * min(FEW, self.paid // 4), self.paid_bytes - others * (self.paid_bytes // 16)


EFFORTS = {
    "quick": Effort(calls=300, seconds=1.0, paid=8, free=60, small=12, random=0, paid_bytes=3_000),
    "standard": Effort(calls=1_200),
    "full": Effort(calls=5_000, seconds=180.0, paid=200, free=2000, small=500, random=200, paid_bytes=300_000),
}


@dataclass(frozen=True)
class Batch:
    """The cases of one operation in one mode, in the order in which they are asked."""

    operation: str  # operationId
    mode: GenerationMode
    refused: bool  # whether the contract promises to refuse the whole operation
    cases: tuple[Any, ...]
    kind: str | None = None  # of the model that answers, where an accepted request costs money
    rooted: bool = False  # whether its path is below the host and not below the base URL
    most: int | None = None  # answers that are paid for; None: as many as there are cases

    @property
    def pays(self) -> bool:
        return self.kind is not None and self.mode is GenerationMode.POSITIVE


@functools.cache  # generation costs seconds of CPU and depends on nothing else
def batches(contract: str, effort: Effort, seed_number: int) -> tuple[Batch, ...]:
    """All batches of a contract; those that are free come first."""
    operations = list(_operations(contract))
    others = sum(_kind_of(operation) not in {None, CHAT} for operation in operations)
    made = [
        Batch(
            name,
            mode,
            refused,
            tuple(_affordable(operation, mode, effort, others, seed_number)),
            _kind_of(operation),
            is_rooted(operation),
            _most(operation, mode, effort, others),
        )
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for operation in operations
        for name, refused in [(_id_of(operation), "refused" in operation.tags)]
        if not (refused and mode is GenerationMode.NEGATIVE)  # it declares no input that could be wrong
    ]
    return tuple(sorted(made, key=lambda batch: batch.pays))


def _most(operation: Any, mode: GenerationMode, effort: Effort, others: int) -> int | None:
    kind = _kind_of(operation)
    if kind is None or mode is not GenerationMode.POSITIVE:
        return None
    return effort.share(kind, others)[0] + (effort.random + len(ODD_TEXTS)) * (kind == CHAT)


def at_random(contract: str, seed_number: int, each: int = 10) -> tuple[Batch, ...]:
    """Other cases of every operation with a body or a parameter, for a run that has time left."""
    return tuple(
        Batch(
            _id_of(operation),
            mode,
            "refused" in operation.tags,
            tuple(_random(operation, mode, each, seed_number, always=True)),
            _kind_of(operation),
            is_rooted(operation),
        )
        for operation in _operations(contract)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if not ("refused" in operation.tags and mode is GenerationMode.NEGATIVE)
    )


def paid_operations(contract: str) -> list[str]:
    """The operations whose accepted requests cost money, by operationId."""
    return [_id_of(operation) for operation in _operations(contract) if _kind_of(operation) is not None]


def _kind_of(operation: Any) -> str | None:
    kind = operation.definition.raw.get(KIND)
    return None if kind is None else str(kind)


def _affordable(operation: Any, mode: GenerationMode, effort: Effort, others: int, seed_number: int) -> Iterable[Any]:
    kind = _kind_of(operation)
    if kind is None or mode is not GenerationMode.POSITIVE:
        return _cases(operation, mode, effort.free if kind == CHAT else effort.small, effort.random, seed_number)
    most, most_bytes = effort.share(kind, others)
    if kind != CHAT:
        return _within(most_bytes, _cases(operation, mode, most, 0, seed_number))
    single = _systematic(operation, mode, seed_number)
    packs = combined(single)
    found = [
        *packs,
        *packs,
        *_random(operation, mode, effort.random, seed_number),
        *single,
    ]  # once whole and once streamed
    return _within(most_bytes, [*_odd(single), *found])


def _odd(cases: list[Any]) -> Iterator[Any]:
    """The shortest of the requests, about odd text."""
    if cases:
        plain = min(cases, key=lambda case: len(json.dumps(case.body, default=str)))
        for text in ODD_TEXTS:
            case = plain.derive()
            case.body = {**plain.body, "messages": [{"role": "user", "content": text}]}
            yield case


def _cases(operation: Any, mode: GenerationMode, most: int, more: int, seed_number: int) -> list[Any]:
    """Boundary values of every parameter, then random cases."""
    return _systematic(operation, mode, seed_number)[:most] + _random(operation, mode, more, seed_number)


def _systematic(operation: Any, mode: GenerationMode, seed_number: int) -> list[Any]:
    """Boundary values of every parameter, shuffled so that a time box cuts evenly."""
    schema = operation.schema
    settled = schema.config.generation_for(operation=operation)
    found = schema.iter_coverage_cases(operation, generation_modes=[mode], generation_config=settled)
    asked = (case for case in found if case.method == operation.method.upper())
    systematic = [case for case in asked if UNKNOWN not in (case.query or {})]
    random.Random(seed_number).shuffle(systematic)  # noqa: S311 - a reproducible order
    return systematic


def combined(cases: Iterable[Any]) -> list[Any]:
    """The same boundary values in fewer requests: what is valid of one member goes with what is valid of another.

    An answer that is paid for then tells of many values. Where the target refuses some members together, which costs
    nothing, the single cases are still to come.
    """
    packs: list[Any] = []
    filled: list[set[str]] = []
    for case in cases:
        about = _ABOUT.match(str(getattr(case.meta.phase.data, "description", "")))
        if about is None or not isinstance(case.body, Mapping) or about[1] not in case.body:
            continue
        name = about[1]
        at = next((n for n, names in enumerate(filled) if name not in names and len(names) < TOGETHER), None)
        if at is None:
            packs.append(case.derive())
            packs[-1].body = dict(case.body)
            filled.append({name})
        else:
            packs[at].body[name] = case.body[name]
            filled[at].add(name)
    for pack in packs:
        if pack.body.get("top_logprobs") is not None:
            pack.body["logprobs"] = True  # the one is valid with the other alone
    return packs


def _within(most: int, cases: Iterable[Any]) -> Iterator[Any]:
    """The cases whose bodies, with what `tamed` adds to each, come to at most this many bytes."""
    for case in cases:
        size = len(json.dumps(case.body, default=str)) + ADDED_BYTES
        if size <= most:
            most -= size
            yield case


def _random(operation: Any, mode: GenerationMode, most: int, seed_number: int, *, always: bool = False) -> list[Any]:
    made: list[Any] = []
    if most == 0 or not (operation.body or always):
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


def tamed(body: Any, kind: str | None, model: str | None, *, stream: bool) -> Any:
    """A valid request that is cheap to answer: a real model, few tokens, few results; still valid."""
    if not isinstance(body, Mapping):
        return body
    asked = {**body, "model": model}
    if model is None:
        del asked["model"]  # where the target names none, it takes requests without one
    if kind in {CHAT, "completion"}:
        asked |= {"max_tokens": MAX_TOKENS, "stream": stream}
        asked.pop("max_completion_tokens", None)
        if not stream:
            asked.pop("stream_options", None)
    if isinstance(asked.get("n"), int | float):  # a document that does not know n allows anything
        asked["n"] = min(int(asked["n"]), MAX_CHOICES)
    if "size" in asked:
        asked["size"] = SMALL_IMAGE
    offered = {tool["function"]["name"] for tool in asked.get("tools") or ()}
    choice = asked.get("tool_choice")
    named = choice["function"]["name"] if isinstance(choice, Mapping) else None
    if (named is not None and named not in offered) or not offered:
        asked.pop("tool_choice", None)
    return asked


def addressed(body: Any, model: str | None, examples: Collection[str]) -> Any:
    """An invalid request to a real model, unless the model is what is wrong: an unknown one is refused unread."""
    if model is not None and isinstance(body, Mapping) and str(body.get("model")) in examples:
        return {**body, "model": model}
    return body


@functools.cache
def example_models(contract: str) -> frozenset[str]:
    """The models that the examples of a contract's OpenAPI document name; a deployment need not serve them."""
    found = set[str]()

    def read(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("value"), dict) and isinstance(node["value"].get("model"), str):
                found.add(node["value"]["model"])
            for inner in node.values():
                read(inner)

    read(specs.load(contract).openapi["paths"])
    return frozenset(found)


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
