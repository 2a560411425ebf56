"""Rules for refusals: a documented refusal passes all of them, each fault is named by its own rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.judge import Rule, errors, families, judge, leaks
from harness.wire.exchange import Exchange, Fault
from specs import Contract, load
from tests.judge.builders import asked, completion, good_completion, good_stream, stream

MODULES = (errors, leaks, families)
ALL = {made for module in MODULES for made in vars(module).values() if isinstance(made, Rule)}
TEMPERATURE = asked(temperature=9)


@pytest.fixture(scope="module")
def voltage() -> Contract:
    return load("voltagegpu-confidential")


def failed(x: Exchange, contract: Contract) -> set[str]:
    """The requirements of the contract that some rule finds broken in an exchange."""
    checked = {made for made in ALL if made.requirement in contract.requirements}
    return {finding.requirement for made in checked for finding in judge(made, [x], contract).findings}


def error(message: str = "'temperature' must be between 0 and 2.", status: int = 400, **members: Any) -> dict[str, Any]:
    found = {"message": message, "type": "invalid_request_error", "code": "invalid_parameter", "status": status}
    return {"error": {name: value for name, value in {**found, **members}.items() if value != "absent"}}


def refusal(document: Any, status: int = 400, request: Any = TEMPERATURE, **more: Any) -> Exchange:
    return completion(document, status=status, request=request, **more)


def test_a_documented_refusal_breaks_nothing(voltage: Contract) -> None:
    assert failed(refusal(error()), voltage) == set()


def test_an_openai_refusal_breaks_nothing() -> None:
    document = {
        "error": {"message": "temperature is too high", "type": "invalid_request_error", "param": "temperature"}
    }
    for status in (400, 422):
        assert failed(refusal(document, status), load("openai-core")) == set()


@pytest.mark.parametrize(
    ("document", "broken"),
    [
        (b"Bad Request", {"OC-110", "VT-070", "OC-122"}),
        ([], {"OC-110", "VT-070", "OC-122"}),
        ({"object": "error", "message": "temperature", "type": "x"}, {"OC-110", "VT-070", "OC-122"}),
        ({"error": "temperature"}, {"OC-110", "VT-070", "OC-122"}),
        (error(""), {"OC-110", "VT-070", "VT-071", "OC-122"}),
        (error(type=None), {"OC-110", "VT-070", "VT-071"}),
        (error(code=["x"]), {"OC-110", "VT-070", "VT-071"}),
        (error(param="temperature"), {"OC-110", "VT-071"}),
        (error(code="absent"), {"OC-110", "VT-071"}),
        (error(status=500), {"OC-110", "VT-071"}),
        (error(status=True), {"OC-110", "VT-071"}),
        (error() | {"detail": "x"}, {"VT-070"}),
        (error("Invalid value."), {"OC-122"}),
        (error("The group of model 'm' failed: 'str' object has no attribute 'get'"), {"OC-118", "OC-122"}),
        (error("temperature: Cannot read properties of null (reading 'type')"), {"OC-118"}),
        (error("Invalid model name passed in model=m."), set()),
        (error("The model `m` does not exist."), set()),
    ],
)
def test_faults_of_the_envelope(document: Any, broken: set[str], voltage: Contract) -> None:
    assert failed(refusal(document), voltage) == broken


def test_a_refusal_in_html_is_named(voltage: Contract) -> None:
    assert failed(refusal(error(), headers={"Content-Type": "text/html"}), voltage) == {"OC-111"}


def test_answers_without_a_body_are_no_subject(voltage: Contract) -> None:
    assert failed(refusal(b"", method="HEAD"), voltage) == set()
    assert failed(refusal(b"", fault=Fault("truncated", "cut")), voltage) == set()


@pytest.mark.parametrize(
    ("status", "key", "broken"),
    [
        (401, None, set()),
        (429, None, set()),
        (403, None, {"OC-112", "VT-076"}),
        (200, None, {"OC-112", "VT-076"}),
        (401, "wrong", set()),
        (403, "wrong", {"OC-113", "VT-076"}),
        (403, "revoked", {"VT-076"}),
        (402, "exhausted", set()),
        (429, "exhausted", set()),
        (403, "exhausted", {"VT-077"}),
    ],
)
def test_status_of_bad_credentials(status: int, key: str | None, broken: set[str], voltage: Contract) -> None:
    document = good_completion() if status == 200 else error(status=status)
    assert failed(refusal(document, status, asked(), intent={"key": key}), voltage) == broken


@pytest.mark.parametrize(("status", "broken"), [(400, set()), (422, {"VT-075"}), (403, {"VT-075"}), (413, set())])
def test_status_of_invalid_parameters(status: int, broken: set[str], voltage: Contract) -> None:
    assert failed(refusal(error(status=status), status), voltage) == broken


def test_a_server_error_for_bad_input_is_named_unless_the_server_is_busy(voltage: Contract) -> None:
    assert failed(refusal(error(status=500), 500), voltage) == {"OC-116"}
    assert failed(refusal(error(status=503), 503, headers={"Retry-After": "1"}), voltage) == set()
    assert failed(refusal(error(status=500), 500, asked()), voltage) == set()


def test_success_is_200_and_holds_no_error(voltage: Contract) -> None:
    assert failed(completion(good_completion(), status=201), voltage) == {"VT-074"}
    assert failed(completion(error(), request=asked()), voltage) == {"VT-074"}
    assert failed(stream([error(), "[DONE]"]), voltage) == {"VT-074"}
    assert failed(stream([*good_stream()[:2], error()]), voltage) == set()


def test_an_error_event_has_the_envelope(voltage: Contract) -> None:
    assert failed(stream([*good_stream()[:2], {"error": "broken"}]), voltage) == {"OC-110"}


def test_an_invalid_stream_is_refused_as_json(voltage: Contract) -> None:
    wanted = asked(stream=True, temperature=9)
    assert failed(stream(good_stream(), request=wanted), voltage) == {"OC-119"}
    assert failed(refusal(error(), request=wanted), voltage) == set()


@pytest.mark.parametrize(
    ("message", "broken"),
    [
        ("Model 'org/model' is not Confidential Compute.", set()),
        ("Model 'org/model' is not Confidential Compute. Use 'org/model-TEE' instead.", set()),
        ("Model 'org/other' is not Confidential Compute.", {"VT-072"}),
        ("Model 'org/model' is not Confidential Compute. Try another.", {"VT-072"}),
        ("Not confidential.", {"VT-072"}),
    ],
)
def test_words_of_the_gate(message: str, broken: set[str], voltage: Contract) -> None:
    x = refusal(error(message, code="model_not_confidential"), request=asked())
    assert failed(x, voltage) == broken
    assert errors.suggestion(x) == ("org/model-TEE" if "TEE" in message else None)


def test_type_and_status_of_the_gate(voltage: Contract) -> None:
    message = "Model 'org/model' is not Confidential Compute."
    x = refusal(error(message, 404, code="model_not_confidential", type="not_found"), 404, asked())
    assert failed(x, voltage) == {"VT-073"}


PROMPT = "The lighthouse keeper's favourite word is heliotrope."


@pytest.mark.parametrize(
    ("message", "broken"),
    [
        (f"temperature is wrong in {PROMPT}", {"OC-117"}),
        ("temperature: keeper's favourite word is heliotrope", {"OC-117"}),
        ("temperature: the prompt holds a word", set()),
        ('temperature\nTraceback (most recent call last):\n  File "/app/main.py", line 3', {"OC-118"}),
        ("temperature: see /usr/lib/python3/site.py", {"OC-118"}),
        ("temperature: {'type': 'less_than_equal', 'loc': ('body', 'temperature')}", {"OC-118"}),
        ("temperature: <class 'ValueError'>", {"OC-118"}),
        ("temperature: refused by http://vllm-3.internal:8000/v1", {"OC-118"}),
        ("temperature: refused by http://10.0.3.7/v1", {"OC-118"}),
        ("temperature: see https://voltagegpu.com/docs/errors", set()),
        ("temperature: http://127.0.0.1:1/v1/chat/completions takes 0 to 2", set()),
        ("temperature must be between 0 and 2 (got 9), see /v1/models", set()),
        ("Invalid value for 'temperature': expected one of 'a', 'b'.", set()),
    ],
)
def test_what_an_error_gives_away(message: str, broken: set[str], voltage: Contract) -> None:
    wanted = asked(temperature=9, messages=[{"role": "user", "content": PROMPT}])
    assert failed(refusal(error(message), request=wanted), voltage) == broken


@pytest.mark.parametrize(
    "messages", [PROMPT, [PROMPT], [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]]
)
def test_prompts_are_found_wherever_they_stand(messages: Any, voltage: Contract) -> None:
    assert "OC-117" in failed(refusal(error(f"temperature: {PROMPT}"), request=asked(messages=messages)), voltage)


def test_words_of_the_request_may_come_back(voltage: Contract) -> None:
    wanted = asked(temperature=9, model="http://10.0.3.7/v1")
    assert failed(refusal(error("temperature, for http://10.0.3.7/v1"), request=wanted), voltage) == set()


def test_a_key_that_comes_back_is_named(voltage: Contract) -> None:
    for key in ("vgpu_sk_0123456789abcdef", "${ASSAY_API_KEY}"):
        x = with_key(refusal(error(f"temperature: key {key}"), headers={"X-Debug": f"key={key}"}), key)
        assert failed(x, voltage) == {"OC-123"}
        assert failed(with_key(refusal(error()), key), voltage) == set()


def with_key(x: Exchange, key: str) -> Exchange:
    return replace(x, request=replace(x.request, headers=(("authorization", f"Bearer {key}"),)))


@pytest.mark.parametrize(
    ("path", "status", "code", "broken"),
    [
        ("/embeddings", 503, "not_available", set()),
        ("/embeddings", 401, "invalid_api_key", set()),
        ("/embeddings", 404, "not_available", {"VT-020", "VT-079"}),
        ("/embeddings", 503, "overloaded", {"VT-020", "VT-079"}),
        ("/audio/speech", 404, "not_found", {"VT-022", "VT-079"}),
        ("/fine_tuning/jobs", 404, "not_found", {"VT-025", "VT-079"}),
        ("/images/unknown", 404, "not_found", set()),
    ],
)
def test_refused_families(path: str, status: int, code: str, broken: set[str], voltage: Contract) -> None:
    x = refusal(error("Not available.", status, code=code), status, {}, path=path)
    assert failed(x, voltage) == broken
