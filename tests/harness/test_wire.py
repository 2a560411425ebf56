"""What is sent is what was asked; what is kept is what came, with the time of its arrival."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable
from decimal import Decimal

import httpcore
import httpx
import pytest
import respx

from harness.asking.ask import Ask
from harness.model import NotObserved
from harness.wire.budget import BudgetExceeded
from tests.harness.conftest import KEY
from tests.harness.hostile import HEAD, STREAM, answer, serving

Connect = Callable[..., Ask]
EVENTS = [b'data: {"n": %d}\n\n' % n for n in range(5)]


def streaming(gap_s: float) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.sendall(HEAD % STREAM + b"Connection: close\r\n\r\n")
        for event in EVENTS:
            connection.sendall(event)
            threading.Event().wait(gap_s)

    return behave


def test_the_path_goes_out_as_it_was_written(connect: Connect) -> None:
    odd = "/models/a%2Fb//../%zz;x=1?q=%41&q="
    with serving(answer(b"{}")) as server:
        connect(server.url).send("GET", odd)
        assert server.heads[0].split(b"\r\n")[0] == b"GET /v1" + odd.encode() + b" HTTP/1.1"


def test_identity_is_asked_for_and_nothing_is_added(connect: Connect) -> None:
    with serving(answer(b"{}")) as server:
        connect(server.url).send("GET", "/models", key=None)
        names = {line.split(b":")[0].lower() for line in server.heads[0].split(b"\r\n")[1:] if line}
        assert names == {b"host", b"accept-encoding", b"accept"}
        assert b"Accept-Encoding: identity" in server.heads[0]


@pytest.mark.parametrize(("key", "sent"), [("main", f"Bearer {KEY}".encode()), (None, None), ("wrong", b"Bearer sk-")])
def test_the_credential_is_the_one_that_was_named(connect: Connect, key: str | None, sent: bytes | None) -> None:
    with serving(answer(b"{}")) as server:
        found = connect(server.url).models(key=key)
        line = next((row for row in server.heads[0].split(b"\r\n") if row.startswith(b"Authorization")), None)
    assert found.key == key
    assert line is None if sent is None else line is not None and line.startswith(b"Authorization: " + sent)


def test_a_key_the_target_does_not_name_is_not_observed(connect: Connect) -> None:
    with pytest.raises(NotObserved, match="second_tenant"):
        connect("http://127.0.0.1:9/v1").models(key="second_tenant")


def test_events_bear_the_time_of_their_arrival(connect: Connect) -> None:
    with serving(streaming(0.03)) as server:
        found = connect(server.url).chat(model="m", stream=True)
    times = [event.at_ns for event in found.events]
    assert [event.data for event in found.events] == [f'{{"n": {n}}}' for n in range(5)]
    assert all(later - earlier > 15_000_000 for earlier, later in itertools.pairwise(times))
    assert found.head_ns <= times[0]
    assert times[-1] <= found.end_ns


def test_what_came_with_one_read_is_one_chunk(connect: Connect) -> None:
    coded = b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in EVENTS) + b"0\r\n\r\n"
    with serving(HEAD % STREAM + b"Transfer-Encoding: chunked\r\n\r\n" + coded) as server:
        found = connect(server.url).chat(model="m", stream=True)
    assert b"".join(chunk.data for chunk in found.chunks) == b"".join(EVENTS)
    assert len(found.chunks) == 1


def test_abort_closes_the_connection_after_so_many_events(connect: Connect) -> None:
    closed = threading.Event()

    def behave(connection: socket.socket) -> None:
        connection.sendall(HEAD % STREAM + b"Connection: close\r\n\r\n")
        try:
            for event in EVENTS * 4:
                connection.sendall(event)
                threading.Event().wait(0.02)
        except OSError:
            closed.set()

    with serving(behave) as server:
        found = connect(server.url).chat(model="m", stream=True, abort_after=2)
        assert closed.wait(1)
    assert found.fault is not None
    assert found.fault.kind == "aborted"
    assert found.intent["abort_after"] == 2
    assert len(found.events) == 2


def test_during_runs_while_the_stream_is_open(connect: Connect) -> None:
    with serving(streaming(0.03)) as server, serving(answer(b'{"data": []}')) as other:
        ask, inner = connect(server.url), connect(other.url)
        met: list[int] = []
        found = ask.chat(model="m", stream=True, during=lambda: met.append(inner.models().status), at_event=2)
    assert met == [200]
    assert found.complete
    assert len(found.events) == 5


def test_what_during_raises_goes_on_after_the_exchange_was_recorded(connect: Connect) -> None:
    def fails() -> None:
        raise NotObserved("nothing there")

    with serving(streaming(0.01)) as server:
        ask = connect(server.url)
        with pytest.raises(NotObserved, match="nothing there"):
            ask.chat(model="m", stream=True, during=fails)
    assert [x.fault.kind for x in ask.client.journal.exchanges if x.fault] == ["aborted"]


def test_parallel_calls_overlap_and_keep_their_order(connect: Connect) -> None:
    def behave(connection: socket.socket) -> None:
        threading.Event().wait(0.1)
        connection.sendall(answer(b"{}"))

    with serving(behave) as server:
        ask = connect(server.url)
        began = time.perf_counter()
        made = ask.parallel([lambda n=n: ask.send("GET", f"/{n}") for n in range(4)])  # type: ignore[misc]
        assert time.perf_counter() - began < 0.35
    assert [x.request.url[-1] for x in made] == ["0", "1", "2", "3"]
    assert len({x.id for x in made}) == 4


def test_nothing_is_sent_above_the_cap(connect: Connect) -> None:
    with serving(answer(b"{}")) as server:
        ask = connect(server.url, cap="0.0001")
        with pytest.raises(BudgetExceeded, match="spend cap"):
            ask.chat(model="m", max_tokens=1000)
        assert server.heads == []
    assert (ask.client.budget.spent, ask.client.budget.calls) == (Decimal(0), 0)


def test_a_request_that_http_cannot_carry_is_our_fault_and_costs_nothing(connect: Connect) -> None:
    with serving(answer(b"{}")) as server:
        ask = connect(server.url)
        with pytest.raises(ValueError, match="cannot be sent"):
            ask.chat(model="m", headers={"X-Broken": "a\r\nb"})
        assert server.heads == []
    assert (ask.client.budget.reserved, ask.client.budget.calls) == (Decimal(0), 0)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpcore.ConnectTimeout("slow"), "connect"),
        (httpcore.ConnectError("refused"), "connect"),
        (httpcore.RemoteProtocolError("Server disconnected"), "protocol"),
        (httpcore.ReadError("reset"), "protocol"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
@respx.mock
def test_what_breaks_the_transport_is_a_fault_and_no_exception(
    raised: Exception, kind: str, connect: Connect, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get("http://api.test/v1/models").mock(side_effect=raised)
    broken = connect("http://api.test/v1").models()
    assert (broken.head_status, broken.fault.kind if broken.fault else None) == (None, kind)


@respx.mock
def test_repeated_headers_are_all_kept(connect: Connect, respx_mock: respx.MockRouter) -> None:
    headers = [("X-A", "1"), ("x-a", "2")]
    respx_mock.get("http://api.test/v1/models").mock(httpx.Response(200, headers=headers, json={"data": []}))
    answered = connect("http://api.test/v1").models()
    assert (answered.json, answered.header_values("X-A")) == ({"data": []}, ["1", "2"])
