"""What the requests of a load ask: request n is the same for the same seed, whoever sends it. Pure."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TEXT = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "then them these so some her would make like him into time has look two more write go see number no way could"
)
WORDS = TEXT.split()
LOOK_UP = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    },
}
Message = dict[str, Any]
LONGEST = 1_000_000  # words or tokens
FORMS = "expected N, uniform:A:B, normal:MEAN:SD or lognormal:MEAN:SD"


@dataclass(frozen=True)
class Lengths:
    """How long texts are: `fixed` a, `uniform` from a to b, `normal` and `lognormal` with mean a and deviation b."""

    kind: str = "fixed"
    a: float = 32
    b: float = 0
    least: int = 1
    most: int = 100_000

    def __post_init__(self) -> None:
        known = self.kind in {"fixed", "uniform", "normal", "lognormal"}
        if not known or not 1 <= self.a <= LONGEST or not 0 <= self.b <= LONGEST:
            raise ValueError(f"lengths: {FORMS}, from 1 to {LONGEST}")

    def drawn(self, rng: random.Random) -> int:
        """A length from the distribution, never below `least` or above `most`."""
        value = {
            "fixed": lambda: self.a,
            "uniform": lambda: rng.uniform(self.a, self.b),
            "normal": lambda: rng.normalvariate(self.a, self.b),
            "lognormal": lambda: rng.lognormvariate(*_log_parameters(self.a, self.b)),
        }[self.kind]()
        return min(max(round(value), self.least), self.most)


def lengths(text: str) -> Lengths:
    """`128`, `uniform:64:256`, `normal:200:50` or `lognormal:200:80`. Raises ValueError."""
    kind, *numbers = text.split(":")
    try:
        if kind.replace(".", "").isdigit():
            return Lengths("fixed", float(kind))
        a, b = (float(number) for number in (*numbers, "0")[:2])
        return Lengths(kind, a, b)
    except (TypeError, ValueError):
        raise ValueError(f"{text!r}: lengths: {FORMS}, from 1 to {LONGEST}") from None


@dataclass(frozen=True)
class Workload:
    """A mix of requests. Prompts are counted in words, about a token each; outputs in tokens, by max_tokens."""

    models: tuple[tuple[str, float], ...] = ()  # with weights
    prompt: Lengths = Lengths()
    output: Lengths = Lengths("fixed", 64)
    streamed: float = 1.0  # share of the conversations
    aborted: float = 0.0  # share of the requests that we leave in the middle of their stream
    tools: float = 0.0  # share that offers a function
    turns: int = 1  # of a conversation; each turn sends all that was said before
    prefixes: int = 0  # shared beginnings, as system prompts are
    prefix_words: int = 0
    prompts: tuple[Mapping[str, Any], ...] = ()  # rows of a JSONL file: messages or prompt, and members of the request

    def __post_init__(self) -> None:
        if self.turns < 1 or not all(0 <= share <= 1 for share in (self.streamed, self.aborted, self.tools)):
            raise ValueError("workload: expected at least one turn, and shares between 0 and 1")
        if not self.models and not all("model" in row for row in self.prompts or ({},)):
            raise ValueError("workload: expected a model")


@dataclass(frozen=True)
class Asked:
    """One request: its body, what was drawn for it, and after how many outputs we leave (None: never)."""

    body: bytes
    model: str
    streamed: bool
    abort_after: int | None


def asked(workload: Workload, seed: int, number: int, turn: int = 0, history: Sequence[Message] = ()) -> Asked:
    """Turn `turn` of conversation `number`, after what was said so far."""
    of_it = (seed << 48) + (number << 8)  # a seed of a number is made in a tenth of the time that one of text takes
    whole = random.Random(of_it)  # noqa: S311 - reproducible, no secret; for what all turns have in common
    rng = random.Random(of_it + turn + 1)  # noqa: S311
    row: dict[str, Any] = dict(workload.prompts[number % len(workload.prompts)]) if workload.prompts else {}
    model = _model(workload, whole) if workload.models else ""
    streamed = whole.random() < workload.streamed
    output = workload.output.drawn(rng)
    said = [*history, {"role": "user", "content": _words(rng, workload.prompt.drawn(rng))}] if turn or not row else []
    body = {
        "model": model,
        "messages": said or _given(row),
        "max_tokens": output,
        **{name: value for name, value in row.items() if name not in {"prompt", "at", "messages"}},
    }
    if not turn and not row and (shared := _shared(workload, seed, whole)):
        body["messages"] = [{"role": "system", "content": shared}, *body["messages"]]
    if rng.random() < workload.tools:
        body["tools"] = [LOOK_UP]
    if streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    leaves = streamed and rng.random() < workload.aborted
    return Asked(
        json.dumps(body).encode(),
        str(body["model"]),
        streamed,
        rng.randint(1, max(output // 2, 1)) if leaves else None,
    )


def of_body(text: str) -> Asked:
    """A request that was made elsewhere."""
    try:
        body = json.loads(text)
    except ValueError:
        body = {}
    known = body if isinstance(body, dict) else {}
    return Asked(text.encode(), str(known.get("model", "")), known.get("stream", True) is not False, None)


def continued(body: bytes, answer: str) -> list[Message]:
    """What was said up to and with an answer: the beginning of the next turn."""
    return [*json.loads(body)["messages"], {"role": "assistant", "content": answer}]


def _given(row: Mapping[str, Any]) -> list[Message]:
    given = row.get("messages")
    return list(given) if isinstance(given, list) else [{"role": "user", "content": str(row.get("prompt", ""))}]


def _model(workload: Workload, rng: random.Random) -> str:
    names, weights = zip(*workload.models, strict=True)
    return str(rng.choices(names, weights)[0])


def _shared(workload: Workload, seed: int, rng: random.Random) -> str:
    """One of the shared beginnings: the same words for all who have it, so that a cache of prefixes can work."""
    if not workload.prefixes or not workload.prefix_words:
        return ""
    own = random.Random(f"prefix {seed} {rng.randrange(workload.prefixes)}")  # noqa: S311 - reproducible, no secret
    return _words(own, workload.prefix_words)


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def _log_parameters(mean: float, deviation: float) -> tuple[float, float]:
    spread = math.log(1 + (deviation / mean) ** 2)
    return math.log(mean) - spread / 2, math.sqrt(spread)
