"""A provider of its own and a gateway in front of it: every fault on the wire, and what the gateway makes of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from mockserver.clock import Clock
from mockserver.serve import Options, Server
from mockserver.upstream import Aborted, Script, UpstreamFailure
from mockserver.upstream.provider import ANOTHER_MODEL, provider
from mockserver.upstream.remote import MAX_EVENT_BYTES, RemoteUpstream
from tests.mockserver.conftest import COUNTING, MODEL, WEATHER, Lab

TOKEN = "a token of the laboratory"
ECHO = "Repeat exactly: häß 日本 1 2"
SAID = ECHO.removeprefix("Repeat exactly: ")


@pytest.fixture(scope="module")
def supplier() -> Iterator[Lab]:
    with provider(Script(), Options(control_token=TOKEN, ttft=0, itl=0)) as server:
        yield from lab_of(server, {})


@pytest.fixture(scope="module")
def gateway(supplier: Lab) -> Iterator[Lab]:
    options = Options(control_token=TOKEN, upstream=supplier.server.base_url)
    with Server("voltagegpu-confidential", options=options) as server:
        yield from lab_of(server, {"Authorization": f"Bearer {server.main_key}"})


def lab_of(server: Server, headers: dict[str, str]) -> Iterator[Lab]:
    base = server.origin + "/control/v1"
    with (
        httpx.Client(base_url=server.base_url, headers=headers, timeout=10) as api,
        httpx.Client(base_url=base, headers={"X-Control-Token": TOKEN}) as control,
    ):
        yield Lab(server, api, control)


@pytest.fixture
def faulty(supplier: Lab) -> Iterator[Callable[..., None]]:
    """Sets the fault that the next request meets."""

    def fault(kind: str, **members: Any) -> None:
        assert supplier.control.post("/upstream/faults", json={"fault": kind, **members}).status_code == 201

    yield fault
    supplier.control.delete("/upstream/faults")
    supplier.control.post("/reset")


def said(chunks: list[Any]) -> str:
    choices = [choice for chunk in chunks if isinstance(chunk, dict) for choice in chunk.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def charged(lab: Lab, call: Callable[[], Any]) -> tuple[Any, Decimal]:
    """What a call gave, and what it took from the account."""
    before = Decimal(lab.account()["balance_usd"])
    given = call()
    after = lab.account()
    assert after["reserved_usd"] == "0.000000000"
    return given, before - Decimal(after["balance_usd"])


# --- the provider by itself ---


def test_a_provider_answers_without_a_key_and_logs_what_came(supplier: Lab) -> None:
    mark = supplier.mark
    answer = supplier.api.post(
        "/chat/completions",
        json={"model": MODEL, "messages": COUNTING, "max_tokens": 3},
        headers={"X-Request-Id": "the-callers-own"},
    )
    (call,) = supplier.calls(mark)
    assert answer.json()["usage"]["completion_tokens"] == 3
    assert (call["request_id"], call["outcome"], call["fault"]) == ("the-callers-own", "completed", None)
    assert call["body"] == {"model": MODEL, "messages": COUNTING, "max_tokens": 3}


def test_its_list_says_what_a_gateway_must_know(supplier: Lab) -> None:
    row = supplier.api.get(f"/models/{MODEL}").json()
    assert row["confidential_compute"] is True
    assert row["pricing"].keys() == {"prompt", "completion"}


def test_it_serves_the_models_it_is_told_and_takes_one_key() -> None:
    with (
        provider(Script(), Options(), ["our/own"], "sk-the-only-one") as server,
        httpx.Client(base_url=server.base_url) as api,
    ):
        assert api.get("/models").status_code == 401
        assert api.get("/models", headers={"Authorization": "Bearer sk-another-one"}).status_code == 401
        listed = api.get("/models", headers={"Authorization": "Bearer sk-the-only-one"}).json()["data"]
    assert [row["id"] for row in listed] == ["our/own"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["fail_before_first_byte", "refuse"])
def test_failures_before_the_first_byte(supplier: Lab, faulty: Callable[..., None], kind: str, stream: bool) -> None:
    faulty(kind, **({"status": 429} if kind == "refuse" else {}))
    if kind == "refuse":
        answer = supplier.chat(ECHO, stream=stream)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    else:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            supplier.chat(ECHO, stream=stream)


def test_a_dropped_stream_has_no_end(supplier: Lab, faulty: Callable[..., None]) -> None:
    faulty("drop_after_chunks", at=2)
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        supplier.chat(ECHO, stream=True)


def test_an_error_in_the_stream_ends_it(supplier: Lab, faulty: Callable[..., None]) -> None:
    faulty("error_in_stream", at=2)
    assert supplier.chunks(ECHO)[-1]["error"]["code"] == "internal_error"


@pytest.mark.parametrize(
    ("kind", "usages"),
    [("omit_usage", 0), ("zero_usage", 1), ("cumulative_usage", 99)],
)
def test_usage_is_left_out_zero_or_everywhere(
    supplier: Lab, faulty: Callable[..., None], kind: str, usages: int
) -> None:
    faulty(kind)
    chunks = supplier.chunks(ECHO, stream_options={"include_usage": True})
    found = [chunk["usage"] for chunk in chunks if isinstance(chunk, dict) and chunk.get("usage")]
    assert said(chunks) == SAID
    assert len(found) == min(usages, len(chunks) - 1)
    assert kind != "zero_usage" or set(found[0].values()) == {0}
    counts = [usage["completion_tokens"] for usage in found]
    assert counts == sorted(counts)


def test_an_answer_in_one_piece_has_no_usage_either(supplier: Lab, faulty: Callable[..., None]) -> None:
    faulty("omit_usage")
    assert supplier.chat(ECHO).json()["usage"] is None


def test_another_model_answers(supplier: Lab, faulty: Callable[..., None]) -> None:
    faulty("wrong_model", times=2)
    assert supplier.chat(ECHO).json()["model"] == ANOTHER_MODEL
    assert {chunk["model"] for chunk in supplier.chunks(ECHO) if isinstance(chunk, dict)} == {ANOTHER_MODEL}


def test_a_chunk_comes_twice(supplier: Lab, faulty: Callable[..., None]) -> None:
    faulty("duplicate_chunk", at=0)
    assert said(supplier.chunks("Repeat exactly: one two")) == "oneone two"


def test_packets_end_in_the_middle_of_characters(supplier: Lab, faulty: Callable[..., None]) -> None:
    faulty("split_frames")
    body = {"model": MODEL, "messages": [{"role": "user", "content": ECHO}], "stream": True}
    with supplier.api.stream("POST", "/chat/completions", json=body) as answer:
        packets = list(answer.iter_raw())
    assert max(map(len, packets)) <= 3
    assert b"\xe6" in b"".join(packets) or "\\u65e5" in b"".join(packets).decode()


def test_a_flag_flips_and_a_reset_brings_it_back(supplier: Lab, faulty: Callable[..., None]) -> None:
    faulty("flip_confidential")
    supplier.chat(ECHO)
    assert supplier.api.get(f"/models/{MODEL}").json()["confidential_compute"] is False
    supplier.control.post("/reset")
    assert supplier.api.get(f"/models/{MODEL}").json()["confidential_compute"] is True


# --- the gateway in front of it ---


def test_the_gateway_passes_answers_on_and_charges_their_usage(gateway: Lab, supplier: Lab) -> None:
    mark = supplier.mark
    answer, cost = charged(gateway, lambda: gateway.chat(ECHO, max_tokens=50))
    assert answer.json()["choices"][0]["message"]["content"] == SAID
    (call,) = supplier.calls(mark)
    assert (call["request_id"], call["usage"]) == (answer.headers["x-request-id"], answer.json()["usage"])
    usage = answer.json()["usage"]
    due = (usage["prompt_tokens"] * Decimal("0.08") + usage["completion_tokens"] * Decimal("0.24")) * Decimal("1.85")
    assert cost == (due / 1_000_000).quantize(Decimal("1e-9"))


def test_streams_tools_and_several_choices_pass(gateway: Lab) -> None:
    assert said(gateway.chunks(ECHO)) == SAID
    answer = gateway.chat("Weather in Rome?", tools=[WEATHER], tool_choice="required").json()
    function = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    assert (function["name"], "city" in json.loads(function["arguments"])) == ("get_weather", True)
    streamed = gateway.chunks("Weather in Rome?", tools=[WEATHER], tool_choice="required", temperature=0)
    deltas = [d for c in streamed[:-1] for choice in c["choices"] for d in choice["delta"].get("tool_calls", ())]
    assert "city" in json.loads("".join(delta["function"].get("arguments", "") for delta in deltas))
    assert len(gateway.chat("Hello", n=3, max_tokens=4).json()["choices"]) == 3


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["fail_before_first_byte", "refuse"])
def test_a_provider_that_fails_first_costs_nothing(
    gateway: Lab, faulty: Callable[..., None], kind: str, stream: bool
) -> None:
    faulty(kind)
    answer, cost = charged(gateway, lambda: gateway.chat(ECHO, stream=stream))
    assert (answer.status_code, cost) == (502, Decimal(0))


@pytest.mark.parametrize("kind", ["drop_after_chunks", "error_in_stream"])
def test_a_stream_that_breaks_is_charged_as_delivered(gateway: Lab, faulty: Callable[..., None], kind: str) -> None:
    faulty(kind, at=4)
    chunks, cost = charged(gateway, lambda: gateway.chunks(ECHO))
    assert chunks[-1]["error"]["code"] == "upstream_error"
    tokens = -(-len(said(chunks).encode()) // 4)
    completion = tokens * Decimal("0.24") * Decimal("1.85") / 1_000_000
    assert completion < cost < 3 * completion + Decimal("0.00001")


@pytest.mark.parametrize("kind", ["split_frames", "wrong_model", "cumulative_usage"])
def test_what_says_the_same_costs_the_same(gateway: Lab, faulty: Callable[..., None], kind: str) -> None:
    plain, due = charged(gateway, lambda: gateway.chunks(ECHO, temperature=0))
    faulty(kind)
    chunks, cost = charged(gateway, lambda: gateway.chunks(ECHO, temperature=0))
    assert (said(chunks), cost) == (said(plain), due)
    assert {chunk["model"] for chunk in chunks[:-1]} == {MODEL}


def test_usage_that_is_left_out_is_reckoned_by_bytes(gateway: Lab, faulty: Callable[..., None]) -> None:
    faulty("omit_usage", times=2)
    whole, of_whole = charged(gateway, lambda: gateway.chat(ECHO))
    streamed, of_stream = charged(gateway, lambda: gateway.chunks(ECHO))
    assert whole.json()["choices"][0]["message"]["content"] == said(streamed) == SAID
    assert of_whole == of_stream > 0


def test_a_model_that_loses_its_flag_is_refused_at_once(gateway: Lab, faulty: Callable[..., None]) -> None:
    faulty("flip_confidential")
    assert gateway.chat(ECHO).status_code == 200
    refused = gateway.chat(ECHO)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "model_not_confidential")
    assert MODEL not in [row["id"] for row in gateway.api.get("/models").json()["data"]]


def test_a_client_that_leaves_ends_the_call_at_the_provider(gateway: Lab, supplier: Lab) -> None:
    mark = supplier.mark
    body = {"model": MODEL, "messages": COUNTING, "stream": True, "max_tokens": 400}
    supplier.server.state.upstream.pace.itl = 0.01  # type: ignore[attr-defined]
    try:
        with gateway.api.stream("POST", "/chat/completions", json=body) as answer:
            next(answer.iter_lines())
        for _ in range(200):
            (call,) = supplier.calls(mark)
            if call["outcome"] != "running":
                break
    finally:
        supplier.server.state.upstream.pace.itl = 0  # type: ignore[attr-defined]
    assert call["outcome"] == "aborted"


def test_a_provider_that_is_gone_lets_nothing_pass() -> None:
    with Server("voltagegpu-confidential", options=Options(upstream="http://127.0.0.1:9/v1")) as server:
        for lab in lab_of(server, {"Authorization": f"Bearer {server.main_key}"}):
            assert lab.chat(ECHO).status_code == 502
            assert lab.api.get("/models").status_code == 502


# --- hostile providers ---


def _speaking(answer: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + answer)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def heard(answer: bytes, *, stream: bool = True) -> list[Any]:
    """What the client makes of a provider that sends these bytes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _speaking(answer))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    async def ask() -> list[Any]:
        upstream = RemoteUpstream(f"http://127.0.0.1:{server.server_port}/v1", Clock(), idle_s=3)
        return await upstream.start({"model": "m", "stream": stream}, "req", "acct", 5).rest()

    try:
        return asyncio.run(ask())
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"data: {}\n\n", id="no end"),
        pytest.param(b"data: not json\n\ndata: [DONE]\n\n", id="no JSON"),
        pytest.param(b"data: []\n\ndata: [DONE]\n\n", id="no object"),
        pytest.param(b"data: " + b"[" * 100_000 + b"\n\ndata: [DONE]\n\n", id="deep"),
        pytest.param(b'data: {"error": {"message": "no"}}\n\ndata: [DONE]\n\n', id="error"),
        pytest.param(b'data: {"choices": [{"index": -1}]}\n\ndata: [DONE]\n\n', id="index"),
        pytest.param(b"data: " + b"x" * (MAX_EVENT_BYTES + 1), id="endless event"),
    ],
)
def test_a_stream_that_makes_no_sense_is_a_failure(answer: bytes) -> None:
    with pytest.raises(UpstreamFailure):
        heard(answer)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
def test_an_answer_that_makes_no_sense_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailure):
        heard(body, stream=False)


def test_members_of_the_wrong_type_are_not_taken() -> None:
    odd = {
        "choices": [{"delta": {"content": 5, "tool_calls": [3]}, "finish_reason": {}}],
        "usage": {"prompt_tokens": "1"},
    }
    assert heard(b"data: " + json.dumps(odd).encode() + b"\r\n\r\ndata: [DONE]\r\n\r\n") == []


def test_an_abort_between_two_pieces_is_noticed_by_the_next() -> None:
    async def left() -> None:
        upstream = RemoteUpstream("http://127.0.0.1:9/v1", Clock())
        generation = upstream.start({"model": "m"}, "req", "acct", 5)
        generation.abort()
        with pytest.raises(Aborted):
            await generation.next()
        assert generation.record.outcome == "aborted"

    asyncio.run(left())


# --- as a process ---


def run(*options: str, module: str = "mockserver.upstream", **variables: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", module, *options]
    environment = {**os.environ, **variables}
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--script", "nowhere.yaml"), "nowhere.yaml"),
        (("--host", "0.0.0.0"), "--key-env"),
        (("--control-token-env", "ASSAY_NO_SUCH_VARIABLE"), "ASSAY_NO_SUCH_VARIABLE"),
        (("--host", "example.org"), "example.org"),
    ],
)
def test_the_command_says_what_it_cannot_use(options: tuple[str, ...], said: str) -> None:
    ended = run(*options)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("module", "option"),
    [
        ("mockserver", "--upstream-key-env"),
        ("mockserver.upstream", "--key-env"),
        ("mockserver.upstream", "--control-token-env"),
    ],
)
def test_a_variable_that_is_not_there_is_no_empty_key(module: str, option: str) -> None:
    ended = run(option, "ASSAY_NO_SUCH_VARIABLE", module=module)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"{option}: the environment has no ASSAY_NO_SUCH_VARIABLE; export" in ended.stderr
    ended = run(option, "sk-live-abcdefgh", module=module)
    assert ended.returncode == 2
    assert "sk-live" not in ended.stderr, "the key itself where its variable belongs"
