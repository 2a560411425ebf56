"""Which function the model calls, and with what arguments. It calls nothing itself."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.engine import ToolCall
from mockserver.behaviours.structured import words_of
from mockserver.behaviours.text import last_user_text

if TYPE_CHECKING:
    import random

    from mockserver.upstream import Job

_PAIR = re.compile(r"\b([A-Z][\w-]+) and ([A-Z][\w-]+)\b")


def pick_calls(job: Job, rng: random.Random) -> list[ToolCall]:
    """The calls of one choice: none without tools, with tool_choice none, or once a result has arrived."""
    body = job.body
    if not body.get("tools"):
        return []
    tools = [tool["function"] for tool in body["tools"]]
    choice = job.gateway.tool_choice_of(body)
    if choice == "none":
        return []
    prompt = last_user_text(body["messages"])
    if isinstance(choice, dict):
        function = next(tool for tool in tools if tool["name"] == choice["function"]["name"])
    elif choice == "auto" and (body["messages"][-1].get("role") == "tool" or not _mentioned(tools, prompt)):
        return []
    else:
        function = _mentioned(tools, prompt) or tools[0]
    subjects = job.gateway.subjects_of(body, prompt)
    return [_call(job, function, words, rng) for words in subjects]


def tool_choice_of(body: dict[str, Any]) -> Any:
    """auto unless the request says otherwise."""
    return body.get("tool_choice") or "auto"


def subjects_of(body: dict[str, Any], prompt: str) -> list[list[str]]:
    """The words for each call: two calls when the prompt names a pair, unless parallel calls are off."""
    words = words_of(prompt)
    pair = _PAIR.search(prompt)
    if pair is None or body.get("parallel_tool_calls") is False:
        return [_names_first(prompt, words)]
    return [[name, *words] for name in pair.groups()]


def _names_first(prompt: str, words: list[str]) -> list[str]:
    """Names inside the sentence before a word that is a capital only because it starts it."""
    first = prompt.split(maxsplit=1)[0].strip(".,:;!?") if prompt.strip() else ""
    return [word for word in words if word != first] + [word for word in words if word == first]


def _mentioned(tools: list[dict[str, Any]], prompt: str) -> dict[str, Any] | None:
    """The first function of whose name the prompt uses a word."""
    words = set(re.findall(r"[a-z0-9]+", prompt.lower()))
    for tool in tools:
        parts = [part for part in re.findall(r"[a-z0-9]+", tool["name"].lower()) if len(part) > 2]
        if words & set(parts):
            return tool
    return None


def _call(job: Job, function: dict[str, Any], words: list[str], rng: random.Random) -> ToolCall:
    arguments = job.gateway.arguments(function.get("parameters") or {}, words, rng)
    return ToolCall(job.gateway.tool_call_id(rng), function["name"], arguments)


def tool_call_id(rng: random.Random) -> str:
    return f"call_{rng.getrandbits(96):024x}"


def arguments(schema: dict[str, Any], words: list[str], rng: random.Random) -> str:
    """The arguments as JSON text: an object that fits the declared parameters."""
    from mockserver.behaviours.structured import fill

    value = fill({"type": "object", **schema}, words, rng)
    return json.dumps(value if isinstance(value, dict) else {}, ensure_ascii=False)
