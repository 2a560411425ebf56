"""Servers that `mock_load.py` compares: ours with everything on, and mocks of others set to say the same."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import peers
import psutil

from harness.running import mock

HERE = Path(__file__).parent
MODEL = "Qwen/Qwen3-32B-TEE"
PROMPT = "Say fifty words."
TOKENS = 50
WORDS = "word " * TOKENS


@dataclass(frozen=True)
class Served:
    """A server under load: where it listens, its process, the key it takes, whether it can stream."""

    port: int
    process: psutil.Process
    key: str = "sk-none"
    path: str = "/v1/chat/completions"
    streams: bool = True

    def request(self, *, stream: bool) -> str:
        asked = {"role": "user", "content": PROMPT}
        members = {"model": MODEL, "messages": [asked], "max_tokens": TOKENS, "temperature": 0, "stream": stream}
        body = json.dumps(members)
        lines = (
            f"POST {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def core_seconds(self) -> float:
        """Processor time of the server and of all that it has started."""
        spent = [each.cpu_times() for each in (self.process, *self.process.children(recursive=True))]
        return float(sum(each.user + each.system for each in spent))

    def mib(self) -> float:
        return sum(p.memory_info().rss for p in (self.process, *self.process.children(recursive=True))) / 2**20


@contextlib.contextmanager
def ours(folder: Path, ttft_ms: float = 0, itl_ms: float = 0) -> Iterator[Served]:
    """The mock with key, limits, ledger, usage and signatures on, and a key that no limit and no balance stops."""
    del folder
    known = set(psutil.Process().children())
    pace = f"--ttft={ttft_ms}", f"--itl={itl_ms}", f"--tokens={TOKENS}"
    with mock.running("voltagegpu-confidential", (), *pace) as path:
        described = tomllib.loads(path.read_text())
        process = next(child for child in psutil.Process().children() if child not in known)
        port = int(described["base_url"].rsplit(":", 1)[1].split("/")[0])
        yield Served(port, process, _key(described, path))


def _key(described: dict[str, dict[str, str]], path: Path) -> str:
    pairs = (line.partition("=") for line in path.with_suffix(".env").read_text().splitlines())
    token = {name: value for name, _, value in pairs}[described["control"]["token"]]
    wanted = json.dumps({"account": None, "balance_usd": "1000000", "requests_per_minute": 1_000_000_000}).encode()
    headers = {"X-Control-Token": token, "Content-Type": "application/json"}
    request = urllib.request.Request(described["control"]["url"] + "/keys", wanted, headers)
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["key"])


def bare(folder: Path) -> AbstractContextManager[Served]:
    return _started(folder, lambda port: [sys.executable, str(HERE / "bare.py"), str(port)])


def aimock(folder: Path) -> AbstractContextManager[Served]:
    program = str(peers.bin_of("aimock") / "llmock")
    fixture = {"fixtures": [{"match": {"userMessage": PROMPT}, "response": {"content": WORDS}}]}
    (folder / "fixtures.json").write_text(json.dumps(fixture))
    quiet = ("-f", str(folder / "fixtures.json"), "--log-level", "silent", "--chunk-size", str(len(WORDS) // TOKENS))
    return _started(folder, lambda port: [program, "-p", str(port), *quiet])


def prism(folder: Path) -> AbstractContextManager[Served]:
    """It makes its answers from the OpenAPI document of our base contract, and has no streams."""
    program, document = str(peers.bin_of("prism") / "prism"), str(HERE.parent / "specs/openai-core/openapi.yaml")
    line = [program, "mock", document, "-v", "silent", "-p"]
    return _started(folder, lambda port: [*line, str(port)], path="/chat/completions", streams=False)


def litellm(folder: Path) -> AbstractContextManager[Served]:
    program, key = str(peers.bin_of("litellm") / "litellm"), "sk-bench-1234"
    params = {"model": "openai/any", "api_key": "none", "mock_response": WORDS}
    config = {"model_list": [{"model_name": MODEL, "litellm_params": params}]}
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    env = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    line = [program, "--config", str(folder / "config.yaml"), "--telemetry", "False", "--port"]
    return _started(folder, lambda port: [*line, str(port)], key=key, environment=env)


@contextlib.contextmanager
def _started(
    folder: Path,
    line: Callable[[int], list[str]],
    *,
    key: str = "sk-none",
    path: str = "/v1/chat/completions",
    streams: bool = True,
    environment: dict[str, str] | None = None,
) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            line(port), stdout=log, stderr=log, cwd=folder, env={**os.environ, **(environment or {})}
        )
    served = Served(port, psutil.Process(process.pid), key, path, streams)
    try:
        _await(served, process, folder / "server.log")
        yield served
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(served: Served, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it listens. Raises peers.Unusable."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", served.port), 1):
            return
        time.sleep(0.1)
    raise peers.Unusable(f"it does not listen: {log.read_text(errors='replace')[-500:]}")


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Served]]] = {
    "this mock": ours,
    "bare handler": bare,
    "aimock": aimock,
    "Prism": prism,
    "LiteLLM": litellm,
}
