"""Runs a program on chosen cores and tells what it and everything it started cost. It never outlives the limit."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY_S = 0.5  # between looks at the memory
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Spent:
    """`status` is None where the limit ended it; `mib` is the most that all its processes held at one look."""

    status: int | None
    wall_s: float
    cpu_s: float
    mib: float


def run(
    line: Sequence[str],
    *,
    cores: set[int],
    nice: int,
    limit_s: float,
    log: Path,
    environment: Mapping[str, str],
    folder: Path,
) -> Spent:
    """Run it to its end, then end whatever it left behind."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # its orphans become ours, so that their time is counted
    before, began, known = _children_s(), time.monotonic(), set(psutil.Process().children())

    def confine() -> None:
        os.sched_setaffinity(0, cores)
        with contextlib.suppress(OSError):  # a session is one group to the scheduler, and its nice value is the group's
            Path("/proc/self/autogroup").write_text(str(nice))
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, nice)

    with log.open("wb") as said:
        process = subprocess.Popen(
            line, stdout=said, stderr=said, env=environment, cwd=folder, start_new_session=True, preexec_fn=confine
        )
        most = 0.0
        try:
            while (status := _ended(process)) is None and time.monotonic() - began < limit_s:
                most = max(most, _mib(process.pid))
        finally:
            wall = time.monotonic() - began
            _end(process, known)
    return Spent(status, wall, _children_s() - before, most)


def _children_s() -> float:
    """Processor time of everything we started that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(EVERY_S)
    return None


def _end(process: subprocess.Popen[bytes], known: set[psutil.Process]) -> None:
    """End the process and whatever it left, which is ours by now; processes of before stay."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while left := set(psutil.Process().children(recursive=True)) - known - _below(known):
        for each in left:
            with contextlib.suppress(psutil.Error):
                each.kill()
                each.wait(5)


def _below(known: set[psutil.Process]) -> set[psutil.Process]:
    found = set[psutil.Process]()
    for each in known:
        with contextlib.suppress(psutil.Error):
            found |= set(each.children(recursive=True))
    return found


def _mib(pid: int) -> float:
    """Resident memory of the process and all below it; shared pages are counted where they are shared."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for each in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += each.memory_info().rss
    return total / 2**20
