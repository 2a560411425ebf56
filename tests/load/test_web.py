"""Locust's page of a load under way shows our figures too."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from mockserver.serve import Options, Server
from tests.load.test_crew import environment, free_port, scenario


def fetched(url: str, process: subprocess.Popen[bytes]) -> bytes:
    """What the page says, as soon as it answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bytes(answer.read())
        except urllib.error.URLError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_page_shows_our_figures(tmp_path: Path) -> None:
    with Server("openai-core", None, Options(ttft=0.02)) as mock:
        address, asked = f"127.0.0.1:{free_port()}", scenario(mock, 20.0).write(tmp_path / "s.json")
        line = [sys.executable, "-m", "harness.load", str(asked), f"--out={tmp_path}", f"--web={address}"]
        process = subprocess.Popen(line, env=environment(mock))
        try:
            found = json.loads(fetched(f"http://{address}/assay", process))
            assert {"ttft_ms", "series", "generator"} <= found.keys()
            assert b"stats" in fetched(f"http://{address}/stats/requests", process)
        finally:
            process.terminate()
            assert process.wait(20) == 130
