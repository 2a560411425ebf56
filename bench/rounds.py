"""Rounds in which several ways to do one thing alternate, so that a busy machine is busy for all of them alike."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

Costs = dict[str, list[float]]  # name -> milliseconds of processor time a call, one figure a round


def cost(work: Callable[[], object], calls: int) -> float:
    """Milliseconds of this process's processor time for one call."""
    before = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - before) / calls * 1000


def alternate(ways: Mapping[str, Callable[[int], float]], rounds: int, calls: int) -> Costs:
    """Each way is asked for the cost of so many calls, in turn. A round before the first warms everything up."""
    found: Costs = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            spent = way(calls)
            if number:
                found[name].append(spent)
    return found


def middle(values: list[float]) -> str:
    return f"{statistics.median(values):.3g}"


def ratio(upper: list[float], lower: list[float]) -> str:
    """The median of the rounds' ratios, and how far they were apart."""
    found = sorted(a / b for a, b in zip(upper, lower, strict=True))
    return f"{statistics.median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def forget() -> None:
    """Empty every cache of the verifier, as if its process had just started."""
    for name, module in list(sys.modules.items()):
        if name.startswith("harness.attest"):
            for member in vars(module).values():
                if hasattr(member, "cache_clear"):
                    member.cache_clear()


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{os.cpu_count()} cores {', '.join(sorted(names))}, Python {python}, {datetime.now(UTC):%Y-%m-%d}"


def console() -> Console:
    """Wide enough that a table of figures is never cut when it goes to a file."""
    return Console(width=None if sys.stdout.isatty() else 140)
