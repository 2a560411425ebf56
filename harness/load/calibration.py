"""How far our own clock can be believed here and now: the same load against our mock, whose times are known."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.load.parent import generate
from harness.load.scenario import Scenario
from harness.load.workload import Lengths, Workload
from harness.running import mock
from harness.target import load

SECONDS, TTFT_MS, ITL_MS, TOKENS = 2.0, 200, 20, 30
CONTRACT, MOST_USERS = "openai-core", 500
MOST_MS = {"p50": 5.0, "p99": 50.0}


def calibrate(planned: Scenario, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Errors in milliseconds against the truth. The mock is late as well and shares this machine: they are bounds."""
    options = (f"--ttft={TTFT_MS}", f"--itl={ITL_MS}", f"--tokens={TOKENS}")
    with mock.running(CONTRACT, (), *options) as path, tempfile.TemporaryDirectory(prefix="assay-load-") as folder:
        target = load(path)
        key = target.keys["main"]
        workload = Workload(models=((target.default_model or "", 1.0),), output=Lengths("fixed", TOKENS))
        scenario = replace(
            planned,
            url=f"{target.base_url}/chat/completions",
            bodies=(),
            headers=(),
            credential=key.name,
            credential_header="Authorization",
            credential_word="Bearer ",
            more_credentials=(),
            ca_bundle=None,
            workload=workload,
            requests=None,
            seconds=SECONDS,
            warm_up_s=0.25,
            ramp_s=0.0,
            users=min(planned.users, MOST_USERS),
            slos=(),
            sample=0,
            keep_all=False,
        )
        found = generate(scenario, {**os.environ, key.name: key.reveal()}, Path(folder), words)
    return errors(found)


def errors(found: dict[str, Any]) -> dict[str, Any]:
    """What was measured less what was true."""
    shares = ("p50", "p99")
    first, gap = found["ttft_ms"], found["itl_ms"]
    made: dict[str, Any] = {
        "requests": found["requests"],
        "in_flight_max": found["in_flight_max"],
        "ttft_error_ms": {s: round(first[s] - TTFT_MS, 3) for s in shares} if first else None,
        "itl_error_ms": {s: round(gap[s] - ITL_MS, 3) for s in shares} if gap else None,
    }
    return {**made, "trusted": bool(first) and all(abs(first[s] - TTFT_MS) <= MOST_MS[s] for s in shares)}
