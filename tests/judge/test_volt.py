"""Judges of the volt block and of id tokens, on answers that are wrong in one thing."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

import specs
from harness.judge import Rule, id_token, volt
from harness.wire.exchange import Exchange
from tests.judge.builders import completion, good_chunk, good_completion, stream

VOLT = specs.load("volt-control-plane")
BLOCK = {"pod_id": "pod-fra-1", "metro": "fra", "tier": "standard", "ttft_ms": 0, "tps": 92.5}
HEADERS = {"x-request-id": "req_1", "x-volt-pod-id": "pod-fra-1"}
RSA, EC = RSAKey.generate_key(2048), ECKey.generate_key("P-256")
CLAIMS = {"iss": "https://x", "aud": "me", "nonce": "n", "sub": "u", "iat": 1000, "exp": 2000}
MADE: dict[str, Any] = {"issuer": "https://x", "client": "me", "nonce": "n", "now": 1000}

RULES = (
    volt.answer_has_a_volt_block,
    volt.stream_has_a_volt_block,
    volt.timing_is_told,
    volt.headers_agree_with_the_block,
    volt.error_names_request_and_pod,
)


def answer(**changes: Any) -> Exchange:
    return completion(good_completion(volt={**BLOCK, **changes}), headers=HEADERS)


def streamed(*blocks: dict[str, Any] | None, headers: dict[str, str] = HEADERS) -> Exchange:
    chunks = [good_chunk("a") if block is None else {**good_chunk("a"), "volt": block} for block in blocks]
    return stream([*chunks, "[DONE]"], headers=headers)


def broken(rule: Rule, x: Exchange) -> bool:
    assert rule.on(x)
    return bool(rule.findings(x, VOLT))


def test_a_sound_answer_breaks_nothing() -> None:
    for x in (answer(), streamed(BLOCK, BLOCK), streamed(None, BLOCK)):
        rules = (volt.timing_is_told, volt.headers_agree_with_the_block)
        assert not any(broken(rule, x) for rule in rules)
    assert not broken(volt.answer_has_a_volt_block, answer())
    assert not broken(volt.stream_has_a_volt_block, streamed(None, BLOCK))


@pytest.mark.parametrize("change", [{"pod_id": ""}, {"metro": None}, {"tier": "gold"}, {"tier": ["standard"]}])
def test_a_block_without_a_place_is_broken(change: dict[str, Any]) -> None:
    assert broken(volt.answer_has_a_volt_block, answer(**change))


@pytest.mark.parametrize("change", [{"ttft_ms": 0.4}, {"ttft_ms": -1}, {"ttft_ms": 99}, {"tps": "9"}, {"tps": True}])
def test_a_time_that_is_none_is_broken(change: dict[str, Any]) -> None:
    assert broken(volt.timing_is_told, answer(**change))


def test_streams_name_one_place_at_their_end() -> None:
    elsewhere = {**BLOCK, "pod_id": "pod-iad-1", "metro": "iad"}
    assert broken(volt.stream_has_a_volt_block, streamed(BLOCK, elsewhere))
    assert broken(volt.stream_has_a_volt_block, streamed(BLOCK, None))
    assert broken(volt.stream_has_a_volt_block, streamed(None, None, headers={}))
    assert not broken(volt.stream_has_a_volt_block, streamed(None, None))  # a header alone: tolerated by the check


def test_errors_name_their_own_request() -> None:
    error = {"code": "not_found", "message": "No.", "request_id": "req_1", "pod_id": "pod-fra-1"}
    sound = completion({"error": error}, status=404, headers=HEADERS)
    assert not broken(volt.error_names_request_and_pod, sound)
    for change in ({"request_id": "req_2"}, {"pod_id": "pod-iad-1"}, {"code": 7}, {"request_id": None}):
        x = completion({"error": {**error, **change}}, status=404, headers=HEADERS)
        assert broken(volt.error_names_request_and_pod, x)


@pytest.mark.parametrize("document", [None, [], 7, {"volt": []}, {"volt": {"tier": {}}}, {"error": {"request_id": []}}])
def test_rules_survive_any_document(document: Any) -> None:
    for status in (200, 404):
        for x in (completion(document, status=status), stream([document, "[DONE]"], status=status)):
            for rule in RULES:
                assert not rule.on(x) or rule.findings(x, VOLT) is not None


# --- Id tokens ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256")])
def test_a_signed_token_is_read(key: Any, algorithm: str) -> None:
    token = jwt.encode({"alg": algorithm, "kid": "one"}, CLAIMS, key)
    public = {**key.as_dict(private=False), "kid": "one"}
    said, problems = id_token.claims(token, [{"kty": "oct", "kid": "one", "k": "AA"}, public])
    assert (said, problems) == (CLAIMS, [])
    assert not list(id_token.wrong(said, **MADE))
    head, body, signature = token.split(".")
    other = jwt.encode({"alg": algorithm, "kid": "one"}, {**CLAIMS, "sub": "v"}, key).split(".")[1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}.AAAA"):
        assert id_token.claims(forged, [public])[1]


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "e30.W10.", "\u00e9.e30.e30", "e30.e30.e30.e30", "." * 99])
def test_what_is_no_token_is_told(token: str) -> None:
    assert id_token.claims(token, [RSA.as_dict(private=False)])[1]


@pytest.mark.parametrize(
    "keys", [None, {}, [], [7], [{"kty": "RSA"}], [{"n": 7, "e": []}], [EC.as_dict(private=False)]]
)
def test_a_token_is_nothing_without_its_key(keys: Any) -> None:
    assert id_token.claims(jwt.encode({"alg": "RS256"}, CLAIMS, RSA), keys)[1]


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://x/"},
        {"aud": "you"},
        {"aud": ["you", "them"]},
        {"nonce": None},
        {"sub": ""},
        {"exp": 999},
        {"exp": 10**9},
        {"iat": 0},
    ],
)
def test_claims_of_another_login_are_told(change: dict[str, Any]) -> None:
    assert list(id_token.wrong({**CLAIMS, **change}, **MADE))
