"""The generator as a process: it measures a mock, outlives no limit, dies with its parent, and tells nobody the key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from harness.asking.ask import Ask
from harness.judge.chat import content
from harness.load.parent import LoadFault, Size, generate, run_load
from harness.load.scenario import Patience, Scenario
from harness.target import Limits, Secret, Timeouts
from harness.wire.budget import BudgetExceeded
from harness.wire.exchange import TargetFault
from mockserver.serve import Options, Server
from tests.harness import hostile
from tests.load.servers import DONE, chunked, said

Connect = Callable[..., Ask]
SIZE = Size(users=4, seconds=5, requests=8)
PATIENT = {"timeouts": Timeouts(5, 20, 20, 30), "limits": Limits()}


@pytest.fixture(scope="module")
def mock() -> Iterator[Server]:
    with Server("openai-core", None, Options(itl=0.0005)) as server:
        yield server


def bodies(count: int = 8) -> list[bytes]:
    """Requests that the mock answers with their own number."""
    return [
        json.dumps(
            {
                "model": "Qwen/Qwen3-32B-TEE",
                "messages": [{"role": "user", "content": f"Repeat exactly: number {n}"}],
                "max_tokens": 8,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        ).encode()
        for n in range(count)
    ]


def asking(mock: Server, connect: Connect, **changes: object) -> Ask:
    keys = {"main": Secret("THE_KEY", mock.main_key)}
    return connect(mock.base_url, **{"keys": keys, **PATIENT, **changes})


def test_a_load_is_measured_recorded_and_booked(mock: Server, connect: Connect) -> None:
    ask = asking(mock, connect)
    found = run_load(ask, bodies(), SIZE)
    assert found.figures["outcomes"] == {"answered": 8}
    assert found.figures["ttft_ms"]["count"] == 8
    assert [content(x) for x in found.exchanges] == [f"number {n}" for n in range(8)]
    assert ask.client.journal.exchanges[-8:] == list(found.exchanges)
    assert len({x.id for x in found.exchanges}) == 8
    budget, used = ask.client.budget, found.figures["usage"]
    assert budget.calls == 8
    assert budget.reserved == 0
    assert budget.spent == Decimal(20) * (used["prompt_tokens"] + used["completion_tokens"]) / 1_000_000


def test_the_key_is_written_nowhere(mock: Server, connect: Connect) -> None:
    ask = asking(mock, connect)
    found = run_load(ask, bodies(4), replace(SIZE, requests=4))
    sent = dict(found.exchanges[0].request.headers)
    assert sent["Authorization"] == "Bearer ${THE_KEY}"
    assert ask.client.journal.path is not None
    assert mock.main_key not in ask.client.journal.path.read_text()


def test_time_ends_a_load_that_has_requests_left(mock: Server, connect: Connect) -> None:
    found = run_load(asking(mock, connect, cap="100"), bodies(20_000), Size(4, 0.3, 20_000))
    assert 4 <= found.figures["requests"] < 20_000
    assert len(found.exchanges) <= 200


def test_a_load_above_the_cap_is_not_begun(mock: Server, connect: Connect) -> None:
    ask = asking(mock, connect, cap="0.001")
    with pytest.raises(BudgetExceeded):
        run_load(ask, bodies(), SIZE)
    assert ask.client.budget.calls == 0


def test_a_target_that_is_down_is_a_fault_of_the_target(connect: Connect) -> None:
    with hostile.serving(b"") as server:
        url = server.url
    ask = connect(url)
    with pytest.raises(TargetFault, match="none of 8 concurrent requests was answered"):
        run_load(ask, bodies(), SIZE)
    assert ask.client.budget.spent == 0


def test_a_target_that_hangs_is_left_at_the_deadline(connect: Connect) -> None:
    with hostile.serving(hostile.silent) as server, pytest.raises(TargetFault, match="no complete response head"):
        run_load(connect(server.url), bodies(), SIZE)


def test_a_generator_that_cannot_work_is_a_fault_of_ours(tmp_path: Path) -> None:
    scenario = Scenario("http://127.0.0.1:1/v1", ("{}",), 1, 1.0, credential="ASSAY_NO_SUCH_VARIABLE")
    with pytest.raises(LoadFault, match="ASSAY_NO_SUCH_VARIABLE"):
        generate(scenario, os.environ, tmp_path)


# --- Signals and parents ----------------------------------------------------------------------------------------


def started(folder: Path, url: str) -> subprocess.Popen[bytes]:
    """A generator whose target answers a little and then nothing for a minute."""
    scenario = Scenario(f"{url}/chat/completions", ("{}",) * 4, 2, 60.0, patience=Patience(5, 60, 60, 60))
    line = [sys.executable, "-m", "harness.load", str(scenario.write(folder / "s.json")), f"--out={folder}", "--leash"]
    return subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)


def ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(20)
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def until_asked(server: hostile.Server) -> None:
    deadline = time.monotonic() + 20
    while len(server.heads) < 2 and time.monotonic() < deadline:
        server.pause(0.02)
    assert len(server.heads) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_generator_ends_and_writes_what_it_has(tmp_path: Path, number: signal.Signals) -> None:
    with hostile.serving(hostile.stalled(b"".join(chunked(said("a"))[:2]))) as server:
        process = started(tmp_path, server.url)
        until_asked(server)
        process.send_signal(number)
        assert ended(process) == 130
    assert json.loads((tmp_path / "load.json").read_text())["interrupted"] is True


def test_a_generator_dies_with_its_parent(tmp_path: Path) -> None:
    with hostile.serving(hostile.stalled(b"".join(chunked(DONE)[:1]))) as server:
        process = started(tmp_path, server.url)
        until_asked(server)
        assert process.stdin is not None
        process.stdin.close()
        assert ended(process) == 3


def test_an_interrupted_parent_leaves_no_generator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            if not made:
                made.append(self)
                raise KeyboardInterrupt
            return super().wait(timeout)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate(Scenario("http://127.0.0.1:1/v1", ("{}",), 1, 60.0), os.environ, tmp_path)
    assert made[0].poll() is not None


def test_only_the_generator_imports_locust() -> None:
    code = "import sys, harness.plugin, harness.load.parent, suites.load.conftest; sys.exit('locust' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
