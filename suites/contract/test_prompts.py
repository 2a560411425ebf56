"""What a prompt may hold: roles, histories, parts, scripts, and more than the model can read."""

from __future__ import annotations

import json

import pytest

from harness.asking.ask import Ask
from harness.model import NotObserved
from harness.wire.pointer import pointed
from specs import Contract
from suites.reading import accepted, said, tokens

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SMALL = 8  # tokens that parts may save against the same text in one string
LARGEST = 300_000  # tokens; a larger context is not filled, the request alone would cost too much to send


@pytest.mark.requirement("OC-020")
@pytest.mark.cost(calls=1, prompt_tokens=60, completion_tokens=16)
def test_a_conversation_is_accepted(ask: Ask):
    turns = ("system", "You are brief."), ("user", "Hi."), ("assistant", "Hello."), ("user", "How are you?")
    answer = ask.chat(messages=[{"role": role, "content": text} for role, text in turns])
    accepted(answer, "a conversation of several roles")


@pytest.mark.requirement("OC-021")
@pytest.mark.cost(calls=1, completion_tokens=4)
def test_the_developer_role_is_accepted(ask: Ask):
    turns = ("developer", "You are brief."), ("user", "Hi.")
    answer = ask.chat(messages=[{"role": role, "content": text} for role, text in turns], max_tokens=4)
    accepted(answer, "a developer message")


@pytest.mark.requirement("OC-022")
@pytest.mark.cost(calls=1, prompt_tokens=200, completion_tokens=16)
def test_a_history_with_tool_calls_is_accepted(ask: Ask, tagged):
    function = {"name": "get_weather", "arguments": json.dumps({"city": "Oslo"})}
    history = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "c1", "content": "4 degrees and rain"},
    ]
    answer = ask.chat(model=tagged("tools"), messages=history, tools=[WEATHER])
    accepted(answer, "a history with a tool call and its result")


@pytest.mark.requirement("OC-023")
@pytest.mark.cost(calls=2, prompt_tokens=60, completion_tokens=512)
def test_text_parts_are_read_like_a_string(repeats, ask: Ask):
    texts = ["Here is one instruction, and nothing else.\n", "Repeat exactly: heliotrope"]
    parts = [{"type": "text", "text": text} for text in texts]
    split = ask.chat(messages=[{"role": "user", "content": parts}], max_tokens=256, temperature=0)
    whole = ask.chat("".join(texts), max_tokens=256, temperature=0)
    assert "heliotrope" in said(split), "the answer does not follow the text of the parts"
    fewer = tokens(whole, "prompt_tokens") - tokens(split, "prompt_tokens")
    assert fewer <= SMALL, f"text sent in parts counts {fewer} tokens fewer than the same text in a string"


@pytest.mark.requirement("OC-048")
@pytest.mark.cost(calls=1, prompt_tokens=60, completion_tokens=256)
def test_non_ascii_text_survives(repeats, ask: Ask):
    answer = said(ask.chat("Repeat exactly: Grüße 東京 🦊🏔️ e\u0301te\u0301", max_tokens=256, temperature=0))
    assert "\ufffd" not in answer, "the text came back with replacement marks"
    missing = [piece for piece in ("Grüße", "東京", "🦊") if piece not in answer]
    assert not missing, f"the text came back without {' '.join(missing)}"


@pytest.mark.requirement("OC-049")
@pytest.mark.cost(calls=1)  # a refusal is free; a target that answers instead may cost what the budget still allows
def test_a_prompt_beyond_the_context_is_refused(ask: Ask, contract: Contract):
    context, model = smallest_context(ask, contract)
    letters = " a b c d e f g h i j" * (context // 10 + 100)  # no tokenizer joins letters over a space
    if ask.client.budget.affordable(json.dumps({"model": model, "max_tokens": 1, "messages": letters}).encode()) == 0:
        raise NotObserved(f"an answer to a prompt of {context} tokens could cost more than the spend cap leaves")
    answer = ask.chat(letters, model=model, max_tokens=1)
    assert 400 <= answer.status < 500, f"a prompt beyond the context of {context} was answered with {answer.status}"


def smallest_context(ask: Ask, contract: Contract) -> tuple[int, str]:
    """The model with the smallest context of the catalogue, so that filling it costs least."""
    pointer = contract.trait("catalogue.context")
    stated = [(pointed(row, pointer), row["id"]) for row in ask.chatting]
    sizes = [(size, model) for size, model in stated if type(size) is int and 0 < size <= LARGEST]
    if not sizes:
        raise NotObserved(f"no model of the catalogue states a context of at most {LARGEST} tokens")
    return min(sizes)
