"""A server as a child process: free port, readiness, log, and an end that leaves no orphan behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path


class NotStarted(RuntimeError):
    """The server did not become ready; the message ends with what it printed."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(
    line: list[str], log: Path, is_ready: Callable[[], bool], *, env: Mapping[str, str], timeout_s: float = 90
) -> Iterator[None]:
    """Run `line` in its own process group until the block ends. Raises NotStarted."""
    with log.open("wb") as out:
        child = subprocess.Popen(  # noqa: S603 - the caller's own command
            line,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        _await(child, is_ready, log, timeout_s)
        yield
    finally:
        _stop(child)


def answers(url: str) -> Callable[[], bool]:
    """Whether a GET of the URL is answered with 200."""

    def asked() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - a URL of the loopback
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    return asked


def _await(child: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if child.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace").strip()[-2000:] or "(nothing)"
            raise NotStarted(f"no answer after {timeout_s:.0f} s, exit status {child.poll()}; it printed:\n{said}")
        time.sleep(0.1)


def _stop(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
