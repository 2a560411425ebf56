"""Refusals: which status and envelope, in which order, and nothing of the prompt in them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.mockserver.conftest import MODEL, WEATHER, Lab

HI = [{"role": "user", "content": "hi"}]
BAD: list[dict[str, Any]] = [
    {"messages": []},
    {"messages": "hi"},
    {"messages": [{"role": "king", "content": "hi"}]},
    {"messages": [{"role": "user"}]},
    {"messages": [None]},
    {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
    {"messages": None},
    {"model": None},
    {"model": 3},
    {"max_tokens": 0},
    {"max_completion_tokens": -1},
    {"max_tokens": True},
    {"temperature": 2.1},
    {"temperature": "hot"},
    {"top_p": -0.1},
    {"n": 0},
    {"n": 1.5},
    {"stream": "yes"},
    {"stop": ["a", "b", "c", "d", "e"]},
    {"stop": 3},
    {"logprobs": 1},
    {"top_logprobs": 21},
    {"response_format": {"type": "poem"}},
    {"response_format": {"type": "json_schema"}},
    {"tools": []},
    {"tools": [{"type": "function"}]},
    {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}},
    {"tool_choice": "required"},
    {"logit_bias": [1]},
    {"seed": "x"},
    {"stream_options": 1},
]


@pytest.mark.parametrize("change", BAD, ids=lambda change: str(change)[:40])
@pytest.mark.parametrize("stream", [False, True])
def test_invalid_requests_are_400_in_the_envelope(lab: Lab, change: dict[str, Any], stream: bool) -> None:
    body = {"model": MODEL, "messages": HI, "stream": stream, **change}
    answer = lab.api.post("/chat/completions", json=body)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert set(error) == {"message", "type", "code", "status"}
    assert error["status"] == 400


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"model":"\xff"}', b'{"model":"\\ud800"}', b"[" * 20_000])
def test_broken_json_is_400(lab: Lab, raw: bytes) -> None:
    assert lab.api.post("/chat/completions", content=raw).status_code == 400


def test_depth_of_json_is_capped(lab: Lab) -> None:
    raw = b'{"model":"m","messages":' + b"[" * 150 + b"]" * 150 + b"}"
    assert "deeply" in lab.api.post("/chat/completions", content=raw).json()["error"]["message"]


def test_declared_size_over_the_cap_is_413_and_the_server_lives_on(lab: Lab) -> None:
    answer = lab.api.post("/chat/completions", content=bytes(33 * 1024 * 1024))
    assert answer.status_code == 413
    assert lab.chat().status_code == 200


def test_core_uses_the_openai_envelope(core: Lab) -> None:
    answer = core.chat(model="nobody/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert set(answer.json()["error"]) == {"message", "type", "code", "param"}


@pytest.mark.parametrize("path", ["/embeddings", "/audio/speech", "/images/edits", "/fine_tuning/jobs", "/moderations"])
def test_families_are_503_with_a_key_and_401_without(lab: Lab, path: str) -> None:
    assert lab.api.post(path, json={}).json()["error"]["code"] == "not_available"
    assert httpx.post(lab.server.base_url + path, json={}).status_code == 401


def test_path_and_method(lab: Lab) -> None:
    assert lab.api.get("/nothing").status_code == 404
    assert lab.api.get("/chat/completions").status_code == 405
    assert lab.api.get("/chat/completions").headers["allow"] == "POST"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic {key}", "Bearer {key}x", "{key}"])
def test_credentials(lab: Lab, header: str) -> None:
    value = header.format(key=lab.server.main_key)
    answer = httpx.get(lab.server.base_url + "/models", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["x-ratelimit-remaining"] == answer.headers["x-ratelimit-limit"] == "1000"


def test_gate_names_the_live_sibling_only(lab: Lab) -> None:
    hint = lab.chat(model="deepseek-ai/DeepSeek-V3").json()["error"]["message"]
    lab.control.patch("/models/deepseek-ai/DeepSeek-V3-0324-TEE", json={"confidential_compute": False})
    bare = lab.chat(model="deepseek-ai/DeepSeek-V3").json()["error"]["message"]
    assert hint.endswith("Use 'deepseek-ai/DeepSeek-V3-0324-TEE' instead.")
    assert bare == "Model 'deepseek-ai/DeepSeek-V3' is not Confidential Compute."


def test_gate_and_list_follow_the_flag(lab: Lab) -> None:
    def listed() -> set[str]:
        return {row["id"] for row in lab.api.get("/models").json()["data"]}

    mark = lab.mark
    lab.control.patch(f"/models/{MODEL}", json={"confidential_compute": False})
    assert lab.chat().json()["error"]["code"] == "model_not_confidential"
    assert MODEL not in listed()
    assert lab.calls(mark) == []
    lab.control.patch(f"/models/{MODEL}", json={"confidential_compute": True})
    assert lab.chat().status_code == 200


def test_models_without_a_tag_refuse_what_the_tag_promises(lab: Lab) -> None:
    plain = "XiaomiMiMo/MiMo-V2-Flash-TEE"
    assert lab.chat(model=plain, tools=[WEATHER]).status_code == 400
    assert lab.chat(model=plain, response_format={"type": "json_object"}).status_code == 400


def test_prompt_beyond_the_context_is_400(lab: Lab) -> None:
    assert lab.chat("word " * 50_000).json()["error"]["code"] == "context_length_exceeded"


def test_rate_limit_of_a_key(lab: Lab) -> None:
    key = lab.control.post("/keys", json={"requests_per_minute": 2, "balance_usd": "1"}).json()["key"]
    answers = [httpx.get(lab.server.base_url + "/models", headers={"Authorization": f"bearer {key}"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    lab.control.put("/clock", json={"advance_s": 60})
    again = httpx.get(lab.server.base_url + "/models", headers={"Authorization": f"Bearer {key}"})
    assert again.status_code == 200


def test_issued_keys_end_with_a_reset_and_revoked_ones_at_once(lab: Lab) -> None:
    def status(key: str) -> int:
        return lab.api.get("/models", headers={"Authorization": f"Bearer {key}"}).status_code

    one, two = (lab.control.post("/keys", json={}).json() for _ in range(2))
    assert (status(one["key"]), status(two["key"])) == (200, 200)
    assert lab.control.delete(f"/keys/{one['key_id']}").status_code == 204
    assert (status(one["key"]), status(two["key"])) == (401, 200)
    lab.control.post("/reset")
    assert (status(two["key"]), status(lab.server.main_key)) == (401, 200)


def test_keys_of_unknown_accounts_are_not_issued(lab: Lab) -> None:
    assert lab.control.post("/keys", json={"account": "nobody"}).status_code == 404


def test_control_needs_its_token(lab: Lab) -> None:
    assert httpx.post(lab.server.origin + "/control/v1/reset").status_code == 401
