"""Probes for what a request may hold and what an answer must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.asking.ask import OMIT, PROMPT, Ask
from harness.asking.probe import probe
from harness.wire.exchange import Exchange
from suites.reading import accepted

ONE_SENTENCE = "Write one sentence about the sea."
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "population": {"type": "integer", "minimum": 0},
        "climate": {"type": "string", "enum": ["arctic", "temperate", "tropical"]},
        "rivers": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
    },
    "required": ["city", "population", "climate", "rivers"],
    "additionalProperties": False,
}
CITY = "Describe the city of Oslo as a JSON object with city, population, climate and rivers."


@probe(calls=2, prompt_tokens=40, completion_tokens=48)
def twins(ask: Ask) -> tuple[Exchange, Exchange]:
    """The same request twice, at temperature 0."""
    return (
        ask.chat(ONE_SENTENCE, temperature=0, max_tokens=24),
        ask.chat(ONE_SENTENCE, temperature=0, max_tokens=24),
    )


@probe(calls=2, prompt_tokens=40, completion_tokens=48)
def seeded(ask: Ask) -> tuple[Exchange, Exchange]:
    """The same request twice, with a seed and a temperature at which a model varies."""
    return (
        ask.chat(ONE_SENTENCE, temperature=1, seed=7, max_tokens=24),
        ask.chat(ONE_SENTENCE, temperature=1, seed=7, max_tokens=24),
    )


WORDS = "Here is a list of words: " + "apple river stone " * 100


@probe(calls=1, prompt_tokens=400, completion_tokens=4)
def long_prompt(ask: Ask) -> Exchange:
    return ask.chat(WORDS + "Say OK.", max_tokens=4)


@probe(calls=1, prompt_tokens=420, completion_tokens=4)
def long_history(ask: Ask) -> Exchange:
    """The prompt of `plain` behind a long conversation."""
    turns = ("user", WORDS), ("assistant", "Thank you."), ("user", PROMPT)
    return ask.chat(messages=[{"role": role, "content": text} for role, text in turns], max_tokens=4)


@probe(calls=2, prompt_tokens=40, completion_tokens=16)
def cut(ask: Ask) -> tuple[Exchange, Exchange]:
    """Answers that need far more than the 8 tokens they may have, by the old name of the bound and by the new."""
    prompt = "Count from 1 to 200, separated by spaces."
    return (
        ask.chat(prompt, max_tokens=8, temperature=0),
        ask.chat(prompt, max_tokens=OMIT, max_completion_tokens=8, temperature=0),
    )


@probe(calls=1, prompt_tokens=20, completion_tokens=256)
def stopped_by_string(ask: Ask) -> Exchange:
    return ask.chat("Count from 1 to 20, separated by spaces.", stop="12", max_tokens=256, temperature=0)


@probe(calls=1, prompt_tokens=20, completion_tokens=256)
def stopped_by_array(ask: Ask) -> Exchange:
    prompt = "Count from 1 to 20, separated by spaces."
    return ask.chat(prompt, stop=["banana", "18", "9", "@@"], max_tokens=256, temperature=0)


@probe(calls=1, prompt_tokens=20, completion_tokens=256)
def stopped_by_phrase(ask: Ask) -> Exchange:
    """The stop sequence is two words long, which no tokenizer has as one token."""
    prompt = "Repeat exactly: alpha beta gamma delta epsilon"
    return ask.chat(prompt, stop="gamma delta", max_tokens=256, temperature=0)


@probe(calls=3, prompt_tokens=60, completion_tokens=192)
def logged(ask: Ask) -> tuple[Exchange, ...]:
    """Log-probabilities with no, with zero and with two alternatives asked for."""
    prompt = "Count from 1 to 5, separated by spaces."
    wanted: tuple[dict[str, Any], ...] = ({}, {"top_logprobs": 0}, {"top_logprobs": 2})
    return tuple(
        ask.chat(prompt, logprobs=True, max_tokens=64, temperature=0, **alternatives) for alternatives in wanted
    )


@probe(calls=1, prompt_tokens=40, completion_tokens=512)
def json_object(ask: Ask, tagged: Callable[..., str]) -> Exchange:
    model = tagged("json-mode", "structured")
    return ask.chat(CITY, model=model, response_format={"type": "json_object"}, max_tokens=512, temperature=0)


@probe(calls=1, prompt_tokens=120, completion_tokens=512)
def json_schema(ask: Ask, tagged: Callable[..., str]) -> Exchange:
    described = {"name": "city", "strict": True, "schema": SCHEMA}
    wanted = {"type": "json_schema", "json_schema": described}
    return ask.chat(CITY, model=tagged("structured"), response_format=wanted, max_tokens=512, temperature=0)


@probe(calls=1, prompt_tokens=20, completion_tokens=256)
def reasoned(ask: Ask, tagged: Callable[..., str]) -> Exchange:
    """A question that a reasoning model thinks about, asked of one where models are tagged."""
    return ask.chat("What is 17 times 23? Answer with the number.", model=tagged("reasoning"), max_tokens=256)


MARKER = "Say hello to the baker of Vik."


@probe(calls=1, completion_tokens=4)
def bare(ask: Ask) -> dict[str, Any]:
    """What the provider was asked when the client gave neither bound nor temperature nor top_p (max_tokens apart)."""
    mark = ask.provider.mark()
    answer = ask.chat(MARKER, max_tokens=4)
    accepted(answer, "a plain request")
    bodies = [call["body"] for call in ask.provider.calls_since(mark)]
    mine = [body for body in bodies if MARKER in str(body.get("messages"))]
    assert mine, "the provider was never asked"
    return dict(mine[-1])


@probe(calls=1, prompt_tokens=30, completion_tokens=1024)
def unbounded(ask: Ask) -> Exchange:
    """A request whose answer would be longer than the documented default allows."""
    return ask.chat("Count from 1 to 3000, separated by spaces.", max_tokens=OMIT, temperature=0)
