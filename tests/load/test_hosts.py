"""Workers on hosts of their own: network namespaces on one bridge, each with its own address and its own loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.load.parent import generate
from mockserver.serve import Options, Server
from tests.load.test_crew import environment, free_port, rows, scenario

HOSTS = 3
BRIDGE = f"asy{os.getpid() % 100_000}"
NETWORK = f"10.213.{os.getpid() % 250 + 1}"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Names of namespaces that reach us, and each other, over a bridge."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces need the command ip and its rights")
    names = [f"{BRIDGE}h{number}" for number in range(HOSTS)]
    with ExitStack() as stack:
        try:
            ip("link", "add", BRIDGE, "type", "bridge")
            stack.callback(ip, "link", "del", BRIDGE)
            ip("addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
            ip("link", "set", BRIDGE, "up")
            for number, name in enumerate(names):
                host_of(stack, name, number)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this system makes no network namespaces: {error.stderr.decode().strip()}")
        yield names


def host_of(stack: ExitStack, name: str, number: int) -> None:
    outer, inner = f"{BRIDGE}o{number}", f"{BRIDGE}i{number}"
    ip("netns", "add", name)
    stack.callback(ip, "netns", "del", name)
    ip("link", "add", outer, "type", "veth", "peer", "name", inner)
    ip("link", "set", inner, "netns", name)
    ip("link", "set", outer, "master", BRIDGE, "up")
    ip("-n", name, "addr", "add", f"{NETWORK}.{number + 10}/24", "dev", inner)
    ip("-n", name, "link", "set", inner, "up")


def test_workers_of_three_hosts_are_one_load(hosts: list[str], tmp_path: Path) -> None:
    port = free_port()
    with Server("openai-core", None, Options(host=f"{NETWORK}.1", ttft=0.02)) as mock, ExitStack() as stack:
        for host in hosts:
            line = [sys.executable, "-m", "harness.load", f"--join={NETWORK}.1:{port}", f"--out={tmp_path}"]
            worker = subprocess.Popen(["ip", "netns", "exec", host, *line], env=environment(mock))
            stack.callback(worker.wait)
            stack.callback(worker.kill)
        words = (f"--await={HOSTS}", "--patience=40", f"--bind={NETWORK}.1:{port}")
        found = generate(scenario(mock, 2.0), environment(mock), tmp_path, words)
        assert (found["outcomes"], found["lost_generators"]) == ({"answered": 79}, {})
        assert found["generator"]["processes"] == HOSTS
        numbers = sorted(int(row[1]) for row in rows(tmp_path))
        assert numbers == list(range(79))
