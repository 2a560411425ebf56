"""No rule of any module raises, whatever was sent and whatever came back."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge import judge, rules_for
from harness.wire.exchange import Exchange
from specs import load, names
from tests.judge.builders import completion, good_chunk, good_completion, stream

MEMBERS = """
id object created model choices index message delta role content finish_reason usage prompt_tokens completion_tokens
total_tokens completion_tokens_details reasoning_tokens logprobs top_logprobs token logprob bytes tool_calls function
name arguments type error code status param messages stream stop n max_tokens tools tool_choice max_completion_tokens
temperature top_p response_format json_schema schema strict stream_options include_usage data pricing prompt completion
confidential_compute tags context_length text refusal reasoning
"""
NAMES = st.sampled_from(MEMBERS.split())
WORDS = st.sampled_from(
    [
        "",
        "stop",
        "chat.completion",
        "assistant",
        "json_schema",
        "json_object",
        "function",
        "[DONE]",
        "required",
        "{",
        "{}",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | WORDS
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=30
)
OBJECTS = st.dictionaries(NAMES, DOCUMENTS, max_size=8)
REQUESTS = OBJECTS.map(lambda members: {"model": "org/model", "messages": [], **members}) | DOCUMENTS
BODIES = OBJECTS.map(lambda members: good_completion(**members)) | DOCUMENTS
LINES = (
    OBJECTS.map(lambda members: {**good_chunk("x"), **members}) | DOCUMENTS | st.just("[DONE]") | st.binary(max_size=12)
)
RULES = [(contract, rules_for(contract)) for contract in map(load, names())]
PATHS = ("/embeddings", "/images/generations", "/completions", "/models", "/vector_store/x/search", "/forge/leases")


def judge_by_every_rule(exchanges: list[Exchange]) -> None:
    for contract, made in RULES:
        for rule in made:
            judge(rule, exchanges, contract)


@settings(max_examples=60, deadline=None)
@given(body=BODIES, request=REQUESTS, status=st.sampled_from([200, 400, 401, 404, 422, 429, 500, 503]))
def test_no_rule_raises_on_any_document(body: Any, request: Any, status: int) -> None:
    answers = [
        completion(body, request=request, status=status),
        *(completion(body, request=request, path=path, status=status) for path in PATHS),
        completion(body, method="GET", path="/models", status=status),
    ]
    judge_by_every_rule(answers)


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(LINES, max_size=6), request=OBJECTS)
def test_no_rule_raises_on_any_stream(lines: list[Any], request: Any) -> None:
    judge_by_every_rule([stream(lines, request={"model": "org/model", "messages": [], **request, "stream": True})])
