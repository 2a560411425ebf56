"""The reader against real sockets: every piece has its arrival time, and every way to fail has its name."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
import pytest

from harness.load.reader import Answer, Connection, Place
from harness.load.scenario import Patience, Scenario
from tests.harness import hostile
from tests.load.servers import DONE, HEAD, ROLE, USAGE, chunked, paced, said, secure

QUICK = Patience(connect_s=1, first_byte_s=0.15, idle_s=0.15, total_s=5)


def a_connection(url: str, **changes: Any) -> Connection:
    fields: dict[str, Any] = {"bodies": ("{}",), "users": 1, "seconds": 1, "patience": QUICK}
    scenario = Scenario(f"{url}/chat/completions", **{**fields, **changes})
    return Connection(scenario, (("X-Test", "50%"),), Place(scenario))


def asked(behaviour: hostile.Behaviour | bytes, **changes: Any) -> Answer:
    with hostile.serving(behaviour) as server:
        connection = a_connection(server.url, **changes)
        answer = connection.ask(b'{"a": 1}')
        connection.close()
        return answer


def writing(writes: Sequence[bytes], pause_s: float = 0.005) -> hostile.Behaviour:
    return lambda connection: paced(connection, writes, pause_s)


@pytest.mark.parametrize("kernel_times", [True, False])
def test_pieces_arrive_in_order_and_the_first_token_before_the_end(kernel_times: bool) -> None:
    pieces = [ROLE, *(said(word) for word in ["one", "two", "three", "four"]), USAGE, DONE]
    found = asked(writing(chunked(*pieces)), kernel_times=kernel_times)
    assert (found.status, found.fault, found.complete, found.is_stream) == (200, None, True, True)
    times = [at_ns for at_ns, _ in found.pieces]
    assert times == sorted(times)
    assert b"".join(data for _, data in found.pieces) == b"".join(pieces)
    progress = found.progress
    assert progress.first_ns is not None
    assert found.head_ns <= progress.first_ns <= found.end_ns
    assert (progress.outputs, len(progress.gaps_ns), progress.tokens, progress.done) == (4, 3, (7, 3), True)
    assert progress.first_ns + sum(progress.gaps_ns) <= times[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="no other kernel is asked")
@pytest.mark.parametrize("kernel_times", [True, False])
def test_what_we_are_late_to_read_has_the_kernels_time(kernel_times: bool) -> None:
    """The loop stands still for 80 ms from 10 ms on; the first token comes after 30."""
    with hostile.serving(writing(chunked(said("a"), DONE), 0.03)) as server:
        connection = a_connection(server.url, kernel_times=kernel_times)
        still = gevent.spawn_later(0.01, time.sleep, 0.08)
        first_ms = (connection.ask(b"{}").progress.first_ns or 0) / 1e6
        connection.close()
        still.join()
    assert (25 < first_ms < 75) if kernel_times and sys.platform == "linux" else (first_ms > 75)


def test_one_write_is_one_arrival() -> None:
    found = asked(b"".join(chunked(ROLE, said("a"), said("b"), DONE)))
    assert len({at_ns for at_ns, _ in found.pieces}) == 1
    assert (found.progress.outputs, found.progress.coalesced) == (2, 1)


def test_the_connection_is_kept() -> None:
    with hostile.serving(b"".join(chunked(said("a"), DONE)), requests=2) as server:
        connection = a_connection(server.url)
        first, second = connection.ask(b"{}"), connection.ask(b"{}")
        connection.close()
    assert (first.on_kept_connection, second.on_kept_connection, second.complete) == (False, True, True)
    assert all(b"X-Test: 50%\r\n" in head for head in server.heads)


def test_a_kept_connection_that_the_server_closed_says_so() -> None:
    with hostile.serving(b"".join(chunked(said("a"), DONE)), requests=1) as server:
        connection = a_connection(server.url)
        connection.ask(b"{}")
        second = connection.ask(b"{}")
        connection.close()
    assert second.status is None
    assert second.fault is not None
    assert second.fault.kind == "protocol"


def repeated(first: bytes, then: bytes) -> hostile.Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(then)

    return behave


WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(DONE)
FAULTS: dict[str, tuple[hostile.Behaviour | bytes, str]] = {
    "hangs": (hostile.silent, "timeout"),
    "stalls in the body": (hostile.stalled(chunked(said("a"))[0] + chunked(said("a"))[1]), "idle"),
    "closes at once": (b"", "protocol"),
    "is no HTTP": (b"220 mail.example ESMTP\r\n\r\n", "protocol"),
    "cuts chunks": (b"".join(chunked(said("a"))[:2]), "truncated"),
    "cuts a length": (WHOLE + DONE[:-3], "truncated"),
    "never ends": (hostile.endless(b"text/event-stream", said("a")), "event-cap"),
    "never ends its head": (repeated(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"y" * 4096 + b"\r\n"), "protocol"),
    "never ends a header": (repeated(b"HTTP/1.1 200 OK\r\nX-A: ", b"y" * 4096), "protocol"),
    "never stops to go on": (repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "protocol"),
    "never ends its trailers": (
        repeated(b"".join(chunked(said("a"))[:2]) + b"0\r\n", b"X-A: " + b"y" * 4096 + b"\r\n"),
        "protocol",
    ),
    "is too large": (hostile.endless(b"text/plain", b"x" * 4096), "body-cap"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_way_to_fail_has_its_name(name: str) -> None:
    behaviour, kind = FAULTS[name]
    found = asked(behaviour, max_body_bytes=100_000, max_events=50)
    assert found.fault is not None
    assert found.fault.kind == kind


ENDINGS = {
    "length": WHOLE + DONE,
    "close": HEAD + b"Connection: close\r\n\r\n" + DONE,
    "after 100": b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE + DONE,
    "more than the response": WHOLE + DONE + b"and more",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_every_way_to_end_is_an_end(name: str) -> None:
    found = asked(ENDINGS[name])
    assert (found.fault, found.complete, found.progress.done) == (None, True, True)


def test_nobody_listens() -> None:
    with hostile.serving(b"") as server:
        url = server.url
    found = a_connection(url).ask(json.dumps({}).encode())
    assert found.fault is not None
    assert found.fault.kind == "connect"


def test_tls_with_the_targets_own_bundle(tmp_path: Path) -> None:
    with secure(tmp_path, chunked(ROLE, said("a"), DONE)) as (port, certificate):
        connection = a_connection(f"https://127.0.0.1:{port}/v1", ca_bundle=str(certificate))
        found = connection.ask(b"{}")
        connection.close()
    assert (found.fault, found.progress.outputs, found.progress.done) == (None, 1, True)


def test_tls_without_trust_is_refused(tmp_path: Path) -> None:
    with secure(tmp_path, chunked(DONE)) as (port, _):
        found = a_connection(f"https://127.0.0.1:{port}/v1").ask(b"{}")
    assert found.fault is not None
    assert found.fault.kind == "tls"
