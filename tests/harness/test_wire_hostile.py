"""Whatever a server does, the client comes back in time with an exchange that says what happened."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable

import pytest

from harness.asking.ask import Ask
from harness.target import Limits
from harness.wire.exchange import TargetFault
from harness.wire.recording import depth
from tests.harness import hostile
from tests.harness.conftest import SMALL
from tests.harness.hostile import HEAD, JSON, STREAM, serving

Connect = Callable[..., Ask]

FAULTS: dict[str, tuple[hostile.Behaviour | bytes, str, str]] = {
    "silent": (hostile.silent, "timeout", "no complete response head"),
    "slow head": (hostile.dripping(hostile.answer(b"{}"), 0.05), "timeout", "no complete response head"),
    "stalled head": (hostile.stalled(b"HTTP/1.1 200 OK\r\nConte"), "timeout", "no complete response head"),
    "half closed": (hostile.half_closed, "protocol", "disconnected"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "protocol", ""),
    "header flood": (b"HTTP/1.1 200 OK\r\n" + b"X-Flood: flood\r\n" * 20_000, "protocol", ""),
    "bad header": (b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "protocol", ""),
    "two lengths": (HEAD % JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "protocol", ""),
    "stalled body": (hostile.stalled(HEAD % JSON + b"Content-Length: 9\r\n\r\n{"), "idle", "no bytes of the body"),
    "dripping body": (
        hostile.dripping(b"x" * 200, 0.01, first=HEAD % JSON + b"Content-Length: 200\r\n\r\n"),
        "timeout",
        "not over after",
    ),
    "length too long": (HEAD % JSON + b"Content-Length: 99\r\n\r\n{}", "truncated", ""),
    "bad chunk size": (HEAD % JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "protocol", ""),
    "chunks cut off": (HEAD % JSON + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "truncated", ""),
    "endless body": (hostile.endless(JSON, b"x" * 4096), "body-cap", "more than 200000 bytes"),
    "endless stream": (hostile.endless(STREAM, b"data: x\n\n"), "event-cap", "more than 50 events"),
    "endless event": (hostile.endless(STREAM, b":\n" * 20), "event-cap", "an event has more than 50 lines"),
    "endless line": (hostile.endless(STREAM, b"x" * 4096), "body-cap", "more than 200000 bytes"),
    "zip bomb": (hostile.bomb(20_000_000), "body-cap", "decoded body has more than"),
    "not gzip": (hostile.answer(b"{}", JSON, b"Content-Encoding: gzip"), "decode", "cannot be decoded"),
    "unknown coding": (hostile.answer(b"{}", JSON, b"Content-Encoding: br"), "decode", "not asked for"),
    "deep JSON": (hostile.deep(10_000), "decode", "nested deeper than 64"),
    "deep event": (
        hostile.answer(b"data: " + b'{"a":' * 10_000 + b"\n\n", STREAM),
        "decode",
        "nested deeper than 64",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_failure_is_an_exchange_with_its_fault(name: str, connect: Connect) -> None:
    behaviour, kind, message = FAULTS[name]
    with serving(behaviour) as server:
        began = time.perf_counter()
        found = connect(server.url).models()
        took = time.perf_counter() - began
    assert found.fault is not None
    assert (found.fault.kind, message in found.fault.message) == (kind, True), found.fault
    assert took < 1.5
    assert not found.complete


def test_a_server_that_is_down_is_a_connect_fault(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    ask = connect(f"http://127.0.0.1:{port}/v1")
    found = ask.models()
    assert found.fault is not None
    assert found.fault.kind == "connect"
    with pytest.raises(TargetFault, match="refused"):
        _ = found.status


def test_http_where_tls_was_expected_is_a_tls_fault(connect: Connect) -> None:
    with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        listener = connect(f"https://127.0.0.1:{server.port}/v1")
        found = listener.models()
    assert found.fault is not None
    assert found.fault.kind in {"tls", "connect"}


def test_a_redirect_is_kept_as_the_answer_it_is(connect: Connect) -> None:
    moved = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/steal\r\nContent-Length: 0\r\n\r\n"
    with serving(moved) as server:
        found = connect(server.url).models()
        assert len(server.heads) == 1
    assert (found.status, found.fault) == (307, None)
    assert found.header("location") == "http://127.0.0.1:9/steal"


def test_a_reset_before_the_head_is_never_retried(connect: Connect) -> None:
    with serving(lambda connection: connection.close()) as server:
        found = connect(server.url).chat(model="m")
        assert len(server.heads) == 1
    assert found.fault is not None
    assert found.fault.kind == "protocol"


def test_a_connection_is_used_again(connect: Connect) -> None:
    accepted: set[int] = set()

    def behave(connection: socket.socket) -> None:
        accepted.add(connection.fileno())
        connection.sendall(hostile.answer(b'{"data": []}'))

    with serving(behave, requests=3) as server:
        ask = connect(server.url)
        assert [ask.models().status for _ in range(3)] == [200, 200, 200]
        ask.client.close()
    assert len(accepted) == 1


def test_a_connection_on_which_the_server_failed_is_not_used_again(connect: Connect) -> None:
    failed = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}"

    def behave(connection: socket.socket) -> None:
        connection.sendall(failed)
        server.pause(0.05)  # and closes without having announced it, as uvicorn does

    with serving(behave) as server:
        ask = connect(server.url)
        assert [ask.models().status for _ in range(3)] == [500, 500, 500]
        ask.client.close()


def test_a_slow_reader_cannot_hold_a_large_upload(connect: Connect) -> None:
    def reads_nothing(_: socket.socket) -> None:
        threading.Event().wait(0.6)

    with serving(reads_nothing, reads_body=False) as server:
        found = connect(server.url, cap="1000").send("POST", "/chat/completions", content=b"x" * 20_000_000)
    assert found.end_ns < 1_500_000_000
    assert found.fault is not None
    assert found.fault.kind == "timeout"


def test_limits_are_the_target_s(connect: Connect) -> None:
    limits = Limits(**{**vars(SMALL), "max_json_depth": 3})
    with serving(hostile.deep(4)) as server:
        found = connect(server.url, limits=limits).models()
    assert found.fault is not None
    with serving(hostile.deep(3)) as server:
        assert connect(server.url, limits=limits).models().complete


def test_all_answers_together_have_a_limit_too(connect: Connect) -> None:
    with serving(hostile.answer(b"x" * 1000), requests=9) as server:
        ask = connect(server.url)
        ask.client.journal.room = 2500
        found = [ask.models() for _ in range(3)]
    assert [exchange.complete for exchange in found] == [True, True, False]
    assert found[-1].fault is not None
    assert "as large as one run may keep" in found[-1].fault.message


def test_a_long_string_is_looked_through_in_little_memory() -> None:
    document = b"[]" * 100 + b'"' + b"a" * 2_000_000 + rb"\"[" * 10 + b'"'
    tracemalloc.start()
    try:
        assert depth(document, 64) == 1
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_sound_is_no_json_however_many_brackets_it_has() -> None:
    assert depth(b"RIFF\xff\xfe" + b"{[" * 10_000, 64) == 0
