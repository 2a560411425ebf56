"""Rules for the model list and for limit headers: good answers pass, each fault is named, hostile ones do no harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge import Rule, calls, catalogue, errors, families, judge, leaks, limits
from harness.wire.exchange import Exchange
from specs import Contract, load
from tests.judge.builders import CREATED, completion

NAMES = (
    "deepseek-ai/DeepSeek-R1-0528-TEE", "Qwen/Qwen3-32B-TEE", "moonshotai/Kimi-K2.5-TEE", "MiniMaxAI/MiniMax-M2.5-TEE",
    "openai/gpt-oss-120b-TEE", "zai-org/GLM-4.7-TEE", "XiaomiMiMo/MiMo-V2-Flash-TEE",
    *(f"deepseek-ai/DeepSeek-{n}-TEE" for n in range(9)),
)  # fmt: skip
LIMITS = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "999", "X-RateLimit-Reset": str(CREATED + 60)}
MODULES = (catalogue, limits, errors, leaks, families)
VOLTAGE = load("voltagegpu-confidential")


def row(model: str, **members: Any) -> dict[str, Any]:
    good = {
        "id": model,
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "somebody",
        "confidential_compute": True,
        "context_length": 262_144,
        "tags": ["tools", "json-mode"],
        "pricing": {"prompt": 0.5, "completion": 1},
    }
    return {name: value for name, value in {**good, **members}.items() if value != "absent"}


def listing(first: Any = None, *, data: Any = None, **members: Any) -> Exchange:
    rows = [row(name) for name in NAMES] if data is None else data
    rows = rows if first is None else [first, *rows[1:]]
    return completion({"object": "list", "data": rows, **members}, method="GET", path="/models", headers=LIMITS)


def failed(x: Exchange, *modules: Any, contract: Contract = VOLTAGE) -> set[str]:
    """The requirements that some rule of the modules finds broken in an exchange."""
    rules = {made for module in modules for made in vars(module).values() if isinstance(made, Rule)}
    return {finding.requirement for made in rules for finding in judge(made, [x], contract).findings}


def test_a_good_list_breaks_nothing() -> None:
    assert failed(listing(), catalogue, limits) == set()


@pytest.mark.parametrize(
    ("x", "broken"),
    [
        (listing(object="models"), {"OC-130"}),
        (listing(data={}), {"OC-130"}),
        (listing(data=None, first="a model"), {"OC-130"}),
        (listing(row("a", id="")), {"OC-131"}),
        (listing(row(NAMES[1])), {"OC-131"}),
        (listing(row(NAMES[0], object="Model")), {"OC-131"}),
        (listing(row(NAMES[0], created="now")), {"OC-131"}),
        (listing(row(NAMES[0], created=True)), {"OC-131"}),
        (listing(row(NAMES[0], owned_by="absent")), {"OC-131"}),
        (listing(row(NAMES[0], pricing="absent")), {"VT-032"}),
        (listing(row(NAMES[0], pricing={"prompt": "0.5", "completion": 1})), {"VT-032"}),
        (listing(row(NAMES[0], pricing={"prompt": -1, "completion": 1})), {"VT-032"}),
        (listing(row(NAMES[0], confidential_compute=False)), {"VT-033"}),
        (listing(row(NAMES[0], confidential_compute="true")), {"VT-033"}),
        (listing(row(NAMES[0], tags="tools,json-mode")), {"VT-038"}),
        (listing(data=[row(name, tags=["json-mode"]) for name in NAMES]), {"VT-038"}),
    ],
)
def test_faults_of_the_list(x: Exchange, broken: set[str]) -> None:
    assert failed(x, catalogue) == broken


def test_a_list_that_is_not_answered_with_200_is_no_subject() -> None:
    assert failed(completion({}, method="GET", path="/models", status=500), catalogue) == set()


@pytest.mark.parametrize(
    ("status", "headers", "broken"),
    [
        (404, LIMITS, set()),
        (200, {}, {"VT-111"}),
        (200, LIMITS | {"X-RateLimit-Reset": "60"}, {"VT-111"}),
        (200, LIMITS | {"X-RateLimit-Reset": "6m0s"}, {"VT-111"}),
        (200, LIMITS | {"X-RateLimit-Reset": f"{CREATED}000"}, {"VT-111"}),
        (200, LIMITS | {"X-RateLimit-Remaining": "1001"}, {"VT-111"}),
        (200, LIMITS | {"X-RateLimit-Remaining": "-1"}, {"VT-111"}),
        (200, LIMITS | {"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0"}, {"VT-111"}),
        (401, LIMITS, {"VT-111"}),
        (401, LIMITS | {"X-RateLimit-Remaining": "1000"}, set()),
        (429, LIMITS | {"X-RateLimit-Remaining": "0"}, set()),
        (429, LIMITS, {"VT-078"}),
        (429, {}, {"VT-078", "VT-111"}),
    ],
)
def test_limit_headers(status: int, headers: dict[str, str], broken: set[str]) -> None:
    assert failed(completion({}, status=status, headers=headers), limits) == broken


def test_the_reset_is_read_against_the_servers_own_clock() -> None:
    date = {"Date": "Fri, 20 Nov 2026 12:00:30 GMT"}
    assert limits.seconds_to_reset(completion({}, headers=LIMITS), VOLTAGE) == 60
    assert limits.seconds_to_reset(completion({}, headers=LIMITS | date), VOLTAGE) == 30
    assert limits.seconds_to_reset(completion({}, headers=LIMITS | {"Date": "yesterday"}), VOLTAGE) is None
    assert limits.seconds_to_reset(completion({}), VOLTAGE) is None


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30)
)
WORDS = st.sampled_from(
    [
        "data",
        "id",
        "object",
        "created",
        "tags",
        "pricing",
        "prompt",
        "error",
        "message",
        "type",
        "code",
        "status",
        "messages",
        "role",
    ]
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=20
)


@given(DOCUMENTS, DOCUMENTS, st.sampled_from([200, 400, 401, 402, 429, 500, 503]), st.text(max_size=12))
def test_no_rule_raises(body: Any, request: Any, status: int, header: str) -> None:
    headers = dict.fromkeys(LIMITS, header) | {"Date": header}
    for method, path in (("POST", "/chat/completions"), ("GET", "/models"), ("POST", "/embeddings")):
        for wanted in (body, {"object": "list", "data": [body]}, {"error": body}):
            x = completion(wanted, request=request, status=status, headers=headers, method=method, path=path)
            failed(x, *MODULES)
            assert calls.path(x)
