"""Raw connections: what clients do that no HTTP library would let them do, and who else is hurt by it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from mockserver.gateway import Gateway
from tests.mockserver.conftest import COUNTING, MODEL, Lab
from tests.mockserver.test_stream import ended

AT_ONCE = struct.pack("ii", 1, 0)  # for SO_LINGER: leave with a reset


def asked(lab: Lab, **more: Any) -> bytes:
    body = json.dumps({"model": MODEL, "messages": COUNTING, "max_tokens": 900, **more}).encode()
    head = f"POST {lab.api.base_url.path}chat/completions HTTP/1.1\r\nHost: mock\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Authorization: {lab.api.headers['Authorization']}\r\n\r\n".encode() + body


def connect(lab: Lab) -> socket.socket:
    return socket.create_connection(("127.0.0.1", lab.server.port), timeout=5)


def test_who_leaves_with_a_second_request_under_way_stops_the_first(lab: Lab) -> None:
    mark = lab.mark
    with connect(lab) as client:
        client.sendall(2 * asked(lab, stream=True))
        client.recv(4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    assert ended(lab, mark)["outcome"] == "aborted"
    assert lab.account()["reserved_usd"] == "0.000000000"
    assert lab.chunks("Count from 1 to 90")[-1] == "[DONE]", "others' streams go on"
    assert len(lab.calls(mark)) == 2, "the second request was never begun"


def test_a_stream_by_http_1_0_has_no_chunks(lab: Lab) -> None:
    with connect(lab) as client, client.makefile("rb") as answer:
        client.sendall(asked(lab, stream=True).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        head, body = answer.read().split(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body.startswith(b"data: {")
    assert body.endswith(b"}\n\ndata: [DONE]\n\n")
    assert body.count(b"\n\ndata: ") > 500


def test_a_stream_that_was_left_before_it_began_is_not_signed(lab: Lab) -> None:
    mark, kept = lab.mark, lab.server.state.answers.kept
    lab.control.post("/upstream/faults", json={"fault": "delay", "seconds": 30})
    with connect(lab) as client:
        client.sendall(asked(lab, stream=True))
        while not lab.calls(mark):
            pass
    assert ended(lab, mark)["outcome"] == "aborted"
    assert lab.account()["reserved_usd"] == "0.000000000"
    assert not kept, "whoever has gone has read nothing that could be signed"


@pytest.mark.parametrize("in_chunks", [False, True])
@pytest.mark.parametrize("packet", [1 << 20, 97])
def test_who_offers_another_protocol_is_answered_in_this_one(lab: Lab, in_chunks: bool, packet: int) -> None:
    """RFC 9110 section 7.8. Java's own client offers h2c with its first request, whatever its method."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    head, body = asked(lab).split(b"\r\n\r\n")
    line, head = head.split(b"\r\n", 1)
    if in_chunks:
        head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    first = b"%b\r\n%b%b\r\n\r\n%b" % (line, offer, head, body)
    with connect(lab) as client, client.makefile("rb") as answers:
        sent = first + first + asked(lab)
        for at in range(0, len(sent), packet):
            client.sendall(sent[at : at + packet])
        for _ in range(3):
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (named := answers.readline()) != b"\r\n":
                length = int(named.split(b":")[1]) if named.startswith(b"content-length") else length
            assert json.loads(answers.read(length))["usage"]["completion_tokens"] == 500


@pytest.mark.parametrize("odd", [("Connection", "close"), ("X-Note", "a\tb")])
def test_a_stream_with_an_odd_header_is_whole(start: Callable[..., Lab], odd: tuple[str, str]) -> None:
    """Such a head is uvicorn's to write, and so is each frame then."""
    lab = start("openai-core", Gateway(response_headers=lambda call, headers: [*headers, odd]))
    answer = lab.chat("Count from 1 to 90", stream=True)
    assert answer.headers[odd[0]] == odd[1]
    assert answer.text.endswith("data: [DONE]\n\n")
    assert answer.text.count("data: ") > 90
