"""Errors of the base: their envelope, their status, and what they must not say."""

from __future__ import annotations

from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.judge import errors, families, leaks
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites import denials

JSON = {"Content-Type": "application/json"}


@probe(calls=len(denials.ODD_BODIES))
def odd(ask: Ask) -> tuple[Exchange, ...]:
    """Answers to bodies that no client library sends."""
    bodies = denials.ODD_BODIES.values()
    return tuple(ask.send("POST", "/chat/completions", content=body, headers=JSON) for body in bodies)


@probe(calls=4)
def refused_streams(ask: Ask) -> tuple[Exchange, ...]:
    """Invalid requests that ask for a stream."""
    wrong: tuple[dict[str, Any], ...] = ({"temperature": 2.1}, {"max_tokens": 0}, {"top_p": 1.1}, {"messages": []})
    return tuple(ask.chat(stream=True, **members) for members in wrong)


@pytest.mark.requirement("OC-110")
def test_errors_come_in_the_envelope(refusals, denied, odd, refused_streams, holds):
    holds(errors.error_has_the_envelope, *refusals, *denied, *odd, *refused_streams)


@pytest.mark.requirement("OC-111")
def test_errors_are_json(refusals, denied, odd, refused_streams, holds):
    holds(errors.error_is_json, *refusals, *denied, *odd, *refused_streams)


@pytest.mark.requirement("OC-112")
def test_no_key_is_401(denied, holds):
    holds(errors.no_key_is_401, *denied)


@pytest.mark.requirement("OC-113")
def test_a_wrong_key_is_401(denied, holds):
    holds(errors.wrong_key_is_401, *denied)


@pytest.mark.requirement("OC-114")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", [denials.UNKNOWN_PATH, "/chat/completions/no-such-thing/at-all"])
def test_an_unknown_path_is_404(ask, holds, method, path):
    answer = ask.send(method, path)
    assert answer.status == 404, f"{method} {path} was answered with {answer.status}"
    holds(errors.error_has_the_envelope, answer)


@pytest.mark.requirement("OC-115")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize(("method", "path"), denials.WRONG_METHODS)
def test_a_wrong_method_is_405(ask, contract, holds, method, path):
    if path == "/models" and not contract.trait("catalogue.listed"):
        raise NotObserved("this contract has no model list")
    answer = ask.send(method, path)
    due = contract.trait("errors.method_not_allowed_status")
    assert answer.status in due, f"{method} {path} was answered with {answer.status}"
    holds(errors.error_has_the_envelope, answer)


@pytest.mark.requirement("OC-116")
def test_invalid_input_is_no_server_error(refusals, odd, refused_streams, holds):
    holds(errors.invalid_input_is_no_server_error, *refusals, *odd, *refused_streams)


@pytest.mark.requirement("OC-116")
def test_refusals_of_every_kind_are_no_server_errors(denied):
    statuses = [answer.status for answer in denied if not families.is_refused_family(answer)]
    if max(statuses) < 400:
        raise NotObserved("nothing that must be refused was refused")
    assert max(statuses) < 500, f"requests that must be refused were answered with {statuses}"


@pytest.mark.requirement("OC-117")
def test_errors_do_not_echo_the_prompt(refusals, denied, holds):
    holds(leaks.error_does_not_echo_the_prompt, *refusals, *denied)


@pytest.mark.requirement("OC-118")
def test_errors_do_not_leak_internals(refusals, denied, odd, refused_streams, holds):
    holds(leaks.error_does_not_leak_internals, *refusals, *denied, *odd, *refused_streams)


@pytest.mark.requirement("OC-119")
def test_an_invalid_stream_is_refused_as_json(refused_streams, holds):
    holds(errors.invalid_stream_is_refused_as_json, *refused_streams)


@pytest.mark.requirement("OC-119")
@pytest.mark.cost(calls=1)
def test_a_stream_of_an_unknown_model_is_refused_as_json(ask):
    answer = ask.chat(model=denials.UNKNOWN_MODEL, stream=True)
    assert 400 <= answer.status < 500, f"a stream of an unknown model was answered with {answer.status}"
    assert not answer.is_stream, "a stream of an unknown model was answered with an event stream"


@pytest.mark.requirement("OC-120")
@pytest.mark.profile("standard")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=4)
def test_an_oversized_body_is_refused(ask, contract):
    body = denials.oversized(ask.default_model, contract.trait("request.max_body_bytes"))
    answer = ask.send("POST", "/chat/completions", content=body, headers=JSON)
    cut = answer.head_status is None and answer.fault is not None and answer.fault.kind == "protocol"
    assert not cut, f"the connection was cut in the middle of a body of {len(body)} bytes, without an answer"
    due = contract.trait("errors.too_large_status")
    assert answer.status in due, f"a body of {len(body)} bytes was answered with {answer.status}"
    after = ask.chat(max_tokens=4)
    assert after.status == 200, f"the request after an oversized one was answered with {after.status}"


@pytest.mark.requirement("OC-121")
@pytest.mark.cost(calls=1)
def test_deeply_nested_json_is_refused(ask):
    answer = ask.send("POST", "/chat/completions", content=denials.nested(ask.default_model, 10_000), headers=JSON)
    assert 400 <= answer.status < 500, f"JSON nested 10000 levels deep was answered with {answer.status}"


@pytest.mark.requirement("OC-122")
def test_parameter_errors_name_the_parameter(refusals, holds):
    holds(errors.error_names_the_parameter, *refusals)


@pytest.mark.requirement("OC-123")
def test_the_key_does_not_come_back(plain, refusals, denied, holds):
    holds(leaks.key_does_not_come_back, plain, *refusals, *denied)
