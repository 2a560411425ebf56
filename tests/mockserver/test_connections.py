"""Raw connections: what clients do that no HTTP library would let them do, and who else is hurt by it."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

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
