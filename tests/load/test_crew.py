"""Several generators: their parts make the whole load, a killed one is reported, and what it had said counts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.load.arrivals import Arrivals
from harness.load.parent import generate
from harness.load.scenario import Scenario
from harness.load.workload import Workload, lengths
from mockserver.serve import Options, Server


@pytest.fixture(scope="module")
def mock() -> Iterator[Server]:
    with Server("openai-core", None, Options(ttft=0.02, itl=0.001)) as server:
        yield server


def scenario(mock: Server, seconds: float, **changes: object) -> Scenario:
    fields: dict[str, object] = {
        "workload": Workload(models=(("Qwen/Qwen3-32B-TEE", 1.0),), output=lengths("8")),
        "arrivals": Arrivals("constant", ((0, 40),)),
        "credential": "THE_KEY",
    }
    return Scenario(f"{mock.base_url}/chat/completions", (), 0, seconds, **{**fields, **changes})  # type: ignore[arg-type]


def environment(mock: Server) -> dict[str, str]:
    return {**os.environ, "THE_KEY": mock.main_key}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


STRANGER = """
import json, sys, time, msgpack, zmq
socket = zmq.Context().socket(zmq.DEALER)
socket.setsockopt(zmq.IDENTITY, b"stranger")
socket.connect(f"tcp://127.0.0.1:{sys.argv[1]}")
while True:
    for kind, data in json.loads(sys.argv[2]):
        socket.send(msgpack.dumps((kind, data, "stranger")))
    time.sleep(0.05)
"""


def rows(folder: Path) -> list[list[str]]:
    return [line.split(",") for line in (folder / "requests.csv").read_text().splitlines()[1:]]


def test_the_parts_of_two_workers_are_one_load(mock: Server, tmp_path: Path) -> None:
    words = ("--workers=2", f"--bind=127.0.0.1:{free_port()}")
    found = generate(scenario(mock, 1.0, sample=10), environment(mock), tmp_path, words)
    assert found["outcomes"] == {"answered": 39}
    assert (found["lost_generators"], found["generator"]["processes"]) == ({}, 2)
    assert sorted(int(row[1]) for row in rows(tmp_path)) == list(range(39))
    assert len({row[0] for row in rows(tmp_path)}) == 2
    assert found["ttft_ms"]["count"] == 39
    assert len((tmp_path / "load-exchanges.jsonl").read_text().splitlines()) == 10
    assert mock.main_key not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_who_is_not_of_the_crew_is_not_listened_to(mock: Server, tmp_path: Path) -> None:
    """The port takes messages from anybody: none of them counts, or ends the load."""
    port = free_port()
    kinds = ("assay-part", "assay-done")
    junk: list[object] = [None, 5, {"tally": {}}, {"rows": [["stranger"]]}, {"cpu_s": "x"}, {"fault": "x"}]
    line = [sys.executable, "-c", STRANGER, str(port), json.dumps([(kind, part) for kind in kinds for part in junk])]
    with subprocess.Popen(line) as stranger:
        try:
            words = ("--workers=2", f"--bind=127.0.0.1:{port}")
            found = generate(scenario(mock, 1.0), environment(mock), tmp_path, words)
        finally:
            stranger.kill()
    assert (found["outcomes"], found["lost_generators"]) == ({"answered": 39}, {})
    assert found["generator"]["processes"] == 2
    assert "stranger" not in (tmp_path / "requests.csv").read_text()


def test_a_worker_that_has_no_processor_for_a_while_is_not_lost(mock: Server, tmp_path: Path) -> None:
    asked = scenario(mock, 3.0)
    line = [sys.executable, "-m", "harness.load", str(asked.write(tmp_path / "s.json")), f"--out={tmp_path}"]
    process = subprocess.Popen([*line, "--workers=2", f"--bind=127.0.0.1:{free_port()}"], env=environment(mock))
    try:
        deadline = time.monotonic() + 40
        while not (tmp_path / "requests.csv").exists() or not rows(tmp_path):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        halted = int((tmp_path / "workers").read_text().split()[0])
        os.kill(halted, signal.SIGSTOP)
        time.sleep(5)  # locust takes a worker for missing after three seconds
        os.kill(halted, signal.SIGCONT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    found = json.loads((tmp_path / "load.json").read_text())
    numbers = sorted(int(row[1]) for row in rows(tmp_path))
    assert (found["lost_generators"], numbers) == ({}, list(range(sum(found["outcomes"].values()))))
    assert len({row[0] for row in rows(tmp_path)}) == 2


def test_a_killed_worker_is_reported_and_the_rest_counts(mock: Server, tmp_path: Path) -> None:
    asked = scenario(mock, 5.0)
    line = [sys.executable, "-m", "harness.load", str(asked.write(tmp_path / "s.json")), f"--out={tmp_path}"]
    line += ["--workers=2", f"--bind=127.0.0.1:{free_port()}"]
    process = subprocess.Popen(line, env=environment(mock))
    try:
        deadline = time.monotonic() + 40
        while not (tmp_path / "requests.csv").exists() or len(rows(tmp_path)) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(int((tmp_path / "workers").read_text().split()[0]), signal.SIGKILL)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    found = json.loads((tmp_path / "load.json").read_text())
    assert len(found["lost_generators"]) == 1
    by_worker = [sum(row[0] == worker for row in rows(tmp_path)) for worker in {row[0] for row in rows(tmp_path)}]
    assert sum(by_worker) == found["requests"] < 199
    assert max(by_worker) >= 99  # the other did its whole part


def test_workers_that_do_not_come_are_a_refusal(mock: Server, tmp_path: Path) -> None:
    asked = scenario(mock, 1.0).write(tmp_path / "s.json")
    line = [sys.executable, "-m", "harness.load", str(asked), f"--out={tmp_path}", "--await=1", "--patience=0.3"]
    done = subprocess.run(
        [*line, f"--bind=127.0.0.1:{free_port()}"],
        env=environment(mock),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "0 of 1 workers came within 0.3 s" in done.stderr


@pytest.mark.parametrize(
    ("elsewhere", "variable", "said"),
    [(False, "THE_KEY", None), (True, "THE_KEY", "asks for requests to"), (False, "OTHER_KEY", "has no such key")],
)
def test_a_worker_sends_only_what_its_own_target_says(
    mock: Server, tmp_path: Path, elsewhere: bool, variable: str, said: str | None
) -> None:
    """Nothing proves to a worker who its master is."""
    port, target = free_port(), tmp_path / "target.toml"
    url = "http://127.0.0.1:9/v1" if elsewhere else mock.base_url
    target.write_text(f'base_url = "{url}"\n[keys]\nmain = "{variable}"\n')
    environ = {**environment(mock), "OTHER_KEY": "another-key-of-this-machine"}
    line = [sys.executable, "-m", "harness.cli", "load", f"--worker=127.0.0.1:{port}", f"--target={target}"]
    with subprocess.Popen(line, env=environ, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as worker:
        words = ("--await=1", f"--bind=127.0.0.1:{port}")
        (tmp_path / "out").mkdir()
        found = generate(scenario(mock, 0.5), environment(mock), tmp_path / "out", words)
        err = worker.communicate(timeout=20)[1]
    if said is None:
        assert (worker.returncode, found["outcomes"], found["lost_generators"]) == (0, {"answered": 19}, {})
        return
    assert worker.returncode == 2
    assert said in err
    assert not found["outcomes"]
    assert [said in why and why.startswith("it refused") for why in found["lost_generators"].values()] == [True]
