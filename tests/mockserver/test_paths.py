"""Quick ways through the mock: order on a connection, times of a ticker, chance that is the same again."""

from __future__ import annotations

import hashlib
import socket

import pytest

from mockserver.behaviours.chance import Chance
from mockserver.serve import Server
from mockserver.upstream.ticker import Ticker
from tests.mockserver.visits import Loop

DIGEST = hashlib.sha256(b"a seed").digest()
MANY = 400  # requests in one packet


def test_a_ticker_goes_off_for_whoever_is_first_and_never_for_nobody() -> None:
    loop, told = Loop(), list[tuple[str, int]]()
    ticker = Ticker(loop)

    def later(name: str, again: float) -> None:
        told.append((name, round(loop.now * 1000)))
        if again:
            ticker.at(loop.now + again, lambda: later(name, 0))

    for name, when, again in (("slow", 0.02, 0.02), ("quick", 0.005, 0.0), ("between", 0.011, 0.002)):
        ticker.at(when, lambda name=name, again=again: later(name, again))  # type: ignore[misc]
    loop.advance(0.05, 50)
    loop.close()
    assert told == [("quick", 5), ("between", 11), ("between", 13), ("slow", 20), ("slow", 40)]


def test_requests_of_one_packet_are_answered_in_their_order() -> None:
    with Server("openai-core") as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        head = f"HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {server.main_key}\r\n\r\n"
        client.settimeout(20)
        client.sendall("".join(f"GET /v1/models/m{n} {head}" for n in range(MANY)).encode())
        seen = b""
        while seen.count(b"The model 'm") < MANY and (more := client.recv(65536)):
            seen += more
    assert [int(part.split(b"'")[0]) for part in seen.split(b"The model 'm")[1:]] == list(range(MANY))


@pytest.mark.parametrize("bits", [1, 7, 53, 96, 300])
def test_chance_is_the_same_for_the_same_digest_and_stays_in_its_bounds(bits: int) -> None:
    one, same = Chance(DIGEST), Chance(DIGEST)
    drawn = [one.getrandbits(bits) for _ in range(50)]
    assert drawn == [same.getrandbits(bits) for _ in range(50)]
    assert all(0 <= value < 2**bits for value in drawn)
    assert bits == 1 or len(set(drawn)) > 20
    assert 0 <= one.random() < 1
