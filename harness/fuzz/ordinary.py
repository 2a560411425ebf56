"""Ordinary chat requests, put together from what a contract promises to take: every kind of message, tool and bound.

Shape alone does not make a request that a server must take; these hold together. Sends nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from specs import Contract

LONGER, IN_PARTS = "a longer answer", "text in parts"
SHORT, LONG = 16, 96  # tokens: of an answer in prose, and of one that has to be whole
TEXTS = (
    "Name one colour, and say where it is seen in the morning.",
    "Répète : «Ærøskøbing, 東京, Ωmega, шесть» 🧪👩‍🔬 and nothing else.",
    'Explain the line {"a": [1, 2]} \\n to a child, in a\nsentence or two.',
)
REPEAT = (
    "Repeat exactly: «Grüße aus Ærøskøbing, 東京, шесть» 🦊👩‍🔬 e\u0301 fin."  # a token or a packet may end anywhere
)
TOOLS: tuple[dict[str, Any], ...] = (
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "find_orders",
            "description": "Find the orders of a customer",
            "parameters": {
                "type": "object",
                "properties": {"postcode": {"type": "string", "pattern": "^[0-9]{5}$"}, "limit": {"type": "integer"}},
                "required": ["postcode", "limit"],
            },
        },
    },
)
WEATHER = "What is the weather in Paris and Oslo? Ask for each city."
ORDERS = "Find the orders of the customer with postcode 01234, at most 5 of them."
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "inhabitants": {"type": "integer"}, "sunny": {"type": "boolean"}},
    "required": ["city", "inhabitants", "sunny"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Ordinary:
    """One request. `tags`: what a model must be able to do, in the words of catalogues that tag models."""

    name: str
    messages: tuple[dict[str, Any], ...]
    members: dict[str, Any]
    tags: tuple[str, ...] = ()


def requests(contract: Contract, seed: int) -> list[Ordinary]:
    """Those that the contract promises to take, those that show the most promises first."""
    rng = random.Random(seed)  # noqa: S311 - reproducible texts
    takes = _Takes(contract)
    texts = rng.sample(TEXTS, len(TEXTS))
    return [*_tools(takes), *_documents(takes), uncut(), *_conversations(takes, texts), *_members(takes, texts)]


class _Takes:
    """What a contract takes, by trait; what it says nothing of it takes."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.roles = set(contract.trait("chat.roles", None) or ("system", "user", "assistant", "tool"))

    def __call__(self, name: str) -> bool:
        return bool(self.contract.trait(f"chat.{name}", True))


def _said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def _tools(takes: _Takes) -> Iterator[Ordinary]:
    if not takes("tools"):
        return
    both, bound, tags = list(TOOLS), {"max_tokens": LONG, "temperature": 0}, ("tools",)
    named = {"type": "function", "function": {"name": "find_orders"}}
    yield Ordinary(
        "calls of a tool that must be called",
        (_said("user", WEATHER),),
        {**bound, "tools": both[:1], "tool_choice": "required"},
        tags,
    )
    yield Ordinary(
        "a tool that is named", (_said("user", ORDERS),), {**bound, "tools": both, "tool_choice": named}, tags
    )
    history = (
        _said("user", WEATHER),
        _said("assistant", None, tool_calls=[_call("call_paris", "Paris"), _call("call_oslo", "Oslo")]),
        _said("tool", '{"sky": "clear"}', tool_call_id="call_paris"),
        _said("tool", '{"sky": "rain"}', tool_call_id="call_oslo"),
    )
    yield Ordinary("results of tools", history, {**bound, "max_tokens": SHORT, "tools": both}, tags)
    yield Ordinary(
        "tools that must not be called",
        (_said("user", WEATHER),),
        {**bound, "max_tokens": SHORT, "tools": both, "tool_choice": "none"},
        tags,
    )
    yield Ordinary(
        "one call at a time",
        (_said("user", WEATHER),),
        {**bound, "tools": both[:1], "tool_choice": "required", "parallel_tool_calls": False},
        tags,
    )


def _call(name: str, city: str) -> dict[str, Any]:
    return {
        "id": name,
        "type": "function",
        "function": {"name": "get_weather", "arguments": f'{{"city": "{city}"}}'},
    }


def _documents(takes: _Takes) -> Iterator[Ordinary]:
    asked = (_said("user", "Describe a city as a JSON document."),)
    if takes("response_format") and takes("json_schema"):
        described = {"name": "city", "strict": True, "schema": CITY}
        form = {"type": "json_schema", "json_schema": described}
        yield Ordinary(
            "a document by a schema",
            asked,
            {"max_tokens": LONG, "temperature": 0, "response_format": form},
            ("structured",),
        )
    if takes("response_format") and takes("json_object"):
        form = {"type": "json_object"}
        yield Ordinary(
            "a document",
            asked,
            {"max_tokens": LONG, "temperature": 0, "response_format": form},
            ("json-mode", "structured"),
        )


def _conversations(takes: _Takes, texts: list[str]) -> Iterator[Ordinary]:
    several = {"n": 2} if takes("n") else {}
    seeded = {"seed": 7} if takes("seed") else {}
    instructed = [_said("system", "You answer in few words.")] if "system" in takes.roles else []
    spoken = [_said("user", texts[0]), _said("assistant", "Red, at dawn."), _said("user", "And another one?")]
    bound = "max_completion_tokens" if takes("max_completion_tokens") else "max_tokens"
    yield Ordinary("a conversation", (*instructed, *spoken), {bound: SHORT, "temperature": 0.7, **several, **seeded})
    first = _said("developer", "You answer in few words.") if takes("developer_role") else None
    parts = [{"type": "text", "text": text} for text in (texts[1], "\nLeave that aside.\n", REPEAT)]
    said = _said("user", parts if takes("text_parts") else REPEAT)
    yield Ordinary(IN_PARTS, tuple(filter(None, (first, said))), {"max_tokens": LONG, "temperature": 0, **several})


def in_one(request: Ordinary) -> Ordinary | None:
    """The same with the parts of each message in one text; None where nothing is in parts."""
    if not any(isinstance(message["content"], list) for message in request.messages):
        return None
    joined = (
        {**message, "content": "".join(part["text"] for part in message["content"])}
        if isinstance(message["content"], list)
        else message
        for message in request.messages
    )
    return Ordinary("the same text in one", tuple(joined), {"max_tokens": 1, "temperature": 0})


def cut_at(words: str) -> Ordinary:
    """A request that is to end before words that an answer to the same text held."""
    members = {"max_tokens": LONG, "temperature": 0, "stop": words}
    return Ordinary("a stop sequence of several words", (_said("user", TEXTS[0]),), members)


def counting() -> Ordinary:
    """A request whose answer is long enough to see when it arrives."""
    asked = (_said("user", "Count from 1 to 95, separated by spaces."),)
    return Ordinary("a long answer", asked, {"max_tokens": LONG, "temperature": 0})


def uncut() -> Ordinary:
    """The same without the stop sequence."""
    return Ordinary(LONGER, (_said("user", TEXTS[0]),), {"max_tokens": LONG, "temperature": 0})


def _members(takes: _Takes, texts: list[str]) -> Iterator[Ordinary]:
    if takes("stop"):
        stops = {"max_tokens": LONG, "temperature": 0, "stop": ["never seen", "e", " a"]}
        yield Ordinary("several stop sequences", (_said("user", texts[0]),), stops)
        yield Ordinary("one stop sequence", (_said("user", texts[2]),), {**stops, "stop": " "})
    if takes("logprobs"):
        yield Ordinary(
            "probabilities of tokens",
            (_said("user", texts[1]),),
            {"max_tokens": SHORT, "logprobs": True, "top_logprobs": 2, "temperature": 1.5, "top_p": 0.9},
        )
        yield Ordinary(
            "probabilities alone", (_said("user", texts[0]),), {"max_tokens": SHORT, "logprobs": True, "seed": 7}
        )
    unsaid = dict.fromkeys(("temperature", "top_p", "n", "stop", "user"))
    yield Ordinary("members that are null", (_said("user", texts[2], name="ada"),), {"max_tokens": 1, **unsaid})
