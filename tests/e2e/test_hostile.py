"""Targets that do not behave: a run ends soon, keeps what it saw, blames the target and passes nothing unseen."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.model import Exit
from harness.wire.journal import read
from tests.e2e.conftest import CONTRACT, Assay
from tests.harness import hostile
from tests.harness.hostile import Behaviour, serving

KEY = {"HOSTILE_KEY": "sk-a1b2c3d4a1b2c3d4a1b2c3d4"}
TARGET = """name = "hostile"
base_url = "{url}"
[keys]
main = "HOSTILE_KEY"
[model]
default = "any"
[timeouts]
connect_s = 0.5
first_byte_s = 0.4
idle_s = 0.3
total_s = 0.6
[limits]
max_body_bytes = 200000
max_events = 200
"""
SOON_S = 45.0  # a bound against hanging on a busy machine, no measurement
NEVER_ANSWERS: dict[str, Behaviour | bytes] = {
    "slow": hostile.dripping(hostile.answer(b'{"data": []}'), 0.2),
    "half-closed": hostile.half_closed,
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
}
ANSWERS_BADLY: dict[str, Behaviour | bytes] = {
    "redirects": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "sends gigabytes": hostile.endless(hostile.JSON, b"x" * 65536),
    "streams for ever": hostile.endless(hostile.STREAM, b"data: {}\n\n" * 100),
    "zip bomb": hostile.bomb(20_000_000),
    "deep JSON": hostile.deep(10_000),
}


def described(folder: Path, url: str) -> str:
    path = folder / "target.toml"
    path.write_text(TARGET.format(url=url))
    return str(path)


def test_a_target_that_is_down(run: Assay, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:  # bound and closed again: nobody listens there
        port = held.getsockname()[1]
    done = run("openai-core", "--target", described(tmp_path, f"http://127.0.0.1:{port}/v1"), environ=KEY)
    assert done.code == Exit.INCOMPLETE
    assert set(done.outcomes().values()) <= {"error", "not-observed", "not-applicable"}
    assert done.results["spend"]["calls"] <= 10
    assert "look whether it serves this URL" in done.said
    assert done.seconds < SOON_S


@pytest.mark.parametrize("name", NEVER_ANSWERS)
def test_a_target_that_never_answers(run: Assay, tmp_path: Path, name: str) -> None:
    with serving(NEVER_ANSWERS[name]) as server:
        done = run("openai-core", "--profile", "quick", "--target", described(tmp_path, server.url), environ=KEY)
    assert done.code == Exit.INCOMPLETE
    assert set(done.outcomes().values()) <= {"error", "not-observed", "not-applicable"}
    assert "is down" in done.said
    assert list(read(done.folder / "exchanges.jsonl"))
    assert done.seconds < SOON_S


@pytest.mark.parametrize("name", ANSWERS_BADLY)
def test_a_target_that_answers_badly(run: Assay, tmp_path: Path, name: str) -> None:
    words = ("--profile", "quick", "--suite", "contract", "--suite", "stream", "--suite", "catalogue")
    with serving(ANSWERS_BADLY[name]) as server:
        done = run("openai-core", *words, "--target", described(tmp_path, server.url), environ=KEY)
    assert done.code in {Exit.DOES_NOT_CONFORM, Exit.INCOMPLETE}
    assert not done.results["harness_faults"]
    passed = {i for i, outcome in done.outcomes().items() if outcome == "pass"}
    assert passed <= {"OC-123"}, "a promise was kept by a target that answers nothing"  # OC-123: no key came back
    assert (done.folder / "exchanges.jsonl").stat().st_size < 20_000_000
    assert done.seconds < SOON_S


@pytest.mark.parametrize(
    ("path", "broken", "whole"),
    [("/v1/models", "OC-130", "OC-001"), ("/v1/chat/completions", "OC-001", "OC-130")],
    ids=["models", "chat"],
)
def test_one_bad_endpoint_does_not_end_the_run(
    run: Assay, target: Path, tmp_path: Path, path: str, broken: str, whole: str
) -> None:
    origin = next(line.split('"')[1] for line in target.read_text().splitlines() if line.startswith("base_url"))
    with in_front_of(origin, path) as url:
        (tmp_path / "target.env").write_text(target.with_suffix(".env").read_text())
        described_so = (
            '[keys]\nmain = "ASSAY_MAIN_KEY"\n[model]\ndefault = "Qwen/Qwen3-32B-TEE"\n[spend]\ncap_usd = "9"\n'
        )
        (tmp_path / "target.toml").write_text(f'base_url = "{url}"\nenv_file = "target.env"\n{described_so}')
        done = run(CONTRACT, "--target", str(tmp_path / "target.toml"), "--only", broken, "--only", whole)
    assert done.code in {Exit.DOES_NOT_CONFORM, Exit.INCOMPLETE}
    assert done.outcomes()[broken] in {"fail", "error"}
    assert done.outcomes()[whole] == "pass"


@contextmanager
def in_front_of(origin: str, bad: str) -> Iterator[str]:
    """A proxy of a healthy target that sends garbage for one path."""

    def relay(connection: socket.socket) -> None:
        head, _, body = server.heads[-1].partition(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        if path.startswith(bad):
            connection.sendall(hostile.answer(b"<html>oops", b"text/html", b"Connection: close"))
            return
        named = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:])
        with closing(http.client.HTTPConnection(urlsplit(origin).netloc, timeout=10)) as upstream:
            upstream.request(method, path, body or None, named)
            answer = upstream.getresponse()
            data = answer.read()
        kind = answer.headers["content-type"].encode()
        status = b"HTTP/1.1 %d Relayed" % answer.status
        whole = hostile.answer(data, kind, b"Connection: close")
        connection.sendall(whole.replace(b"HTTP/1.1 200 OK", status, 1))

    with serving(relay) as server:
        yield server.url
