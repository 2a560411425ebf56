"""One run of schemathesis, or of our fuzz suite, against a mock of this process: what was found, when, at which bill.

Both are run as a user runs them, `st run` and `assay run --suite fuzz`, but in a process that has all code loaded.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

import specs
from harness.plugin import SESSION
from harness.running import run as running
from harness.running.progress import Silence
from harness.running.session import Session
from harness.wire.exchange import Exchange
from harness.wire.journal import judged
from mockserver.defects import Defect
from mockserver.gateway import Gateway
from mockserver.serve import Options, Server
from suites.selftest import trial

KINDS = ("ordinary", "listed", "rewritten", "hostile", "sequences", "races", "failing")


@dataclass(frozen=True)
class Finding:
    """A failure, how many answers had been billed by then (with its own), and how many seconds it took."""

    what: str
    billed: int
    seconds: float


@dataclass(frozen=True)
class Run:
    seconds: float
    calls: int
    billed: int
    found: tuple[Finding, ...]

    def fresh(self, usual: frozenset[str]) -> list[Finding]:
        """Without what is also found of the mock without a defect."""
        return [found for found in self.found if found.what not in usual]


def paid_paths(contract: specs.Contract) -> frozenset[str]:
    """The paths whose accepted POST requests are billed."""
    base = contract.openapi["paths"]
    return frozenset(path for path, item in base.items() if "x-paid" in item.get("post", {}))


# -- schemathesis


def raw(contract: specs.Contract, defect: Defect | None, seed: int) -> Run:
    """`st run DOCUMENT --url URL -H KEY` with everything else at its default. `seed` makes it reproducible."""
    with _served(contract, defect) as server, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        record = folder / "st.ndjson"
        word = "Bearer " if contract.trait("auth.scheme", "bearer") == "bearer" else ""
        line = ["run", str(document(contract, server.state.catalogue.default, folder)), "--url", server.base_url]
        line += ["-H", f"{contract.trait('auth.header')}: {word}{server.state.secrets['main']}", "--seed", str(seed)]
        line += ["--report", "ndjson", "--report-ndjson-path", str(record), "--no-color"]
        started = time.time()
        with contextlib.chdir(folder):
            _schemathesis(line)
        return _read(record, started, time.time() - started, paid_paths(contract), server.state.traits.base_path)


def _schemathesis(line: list[str]) -> None:
    from schemathesis.cli import schemathesis

    with contextlib.suppress(SystemExit):
        schemathesis.main(line, prog_name="st")


def document(contract: specs.Contract, model: str, folder: Path) -> Path:
    """The contract's OpenAPI document with a model that the mock serves, as who uses schemathesis would write it."""
    made = copy.deepcopy(contract.openapi)
    for node in _objects(made):
        if isinstance(node.get("value"), dict) and "model" in node["value"]:
            node["value"]["model"] = model
        properties = node.get("properties")
        if isinstance(properties, dict) and {"model", "messages"} <= properties.keys():
            properties["model"] = {"type": "string", "enum": [model]}
    path = folder / "openapi.yaml"
    path.write_text(yaml.safe_dump(made, sort_keys=False))
    return path


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _objects(inner)


def _read(record: Path, started: float, seconds: float, paid: frozenset[str], base: str) -> Run:
    calls, billed, found = 0, 0, list[Finding]()
    with record.open() as lines:
        for line in lines:
            event = json.loads(line).get("ScenarioFinished")
            recorder = event["recorder"] if event else {}
            for case, interaction in recorder.get("interactions", {}).items():
                calls += 1
                answer, asked = interaction.get("response") or {}, interaction["request"]
                path = urlsplit(asked["uri"]).path.removeprefix(base)
                billed += asked["method"] == "POST" and path in paid and answer.get("status_code") in {None, 200}
                after = interaction["timestamp"] + float(answer.get("elapsed") or 0) - started
                for check in recorder.get("checks", {}).get(case, ()):
                    if check["status"] == "failure":
                        found.append(Finding(f"{recorder['label']} {_named(check, answer)}", billed, after))
    return Run(seconds, calls, billed, tuple(found))


def _named(check: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """A failure as finely as tells causes apart: a refusal of what is valid by the parameter that it names."""
    failure = (check.get("failure_info") or {}).get("failure") or {}
    names = [check["name"], str(failure.get("title"))]
    if check["name"] == "positive_data_acceptance":
        said = base64.b64decode((answer.get("content") or {}).get("$base64") or b"").decode(errors="replace")
        names += [str(answer.get("status_code")), *re.findall(r'"(?:code|param)": ?"?([\w.\[\]]*)', said)]
    return " ".join(names)


# -- ours


class _Taker:
    """Holds on to the session of the run."""

    session: Session

    def pytest_configure(self, config: pytest.Config) -> None:
        self.session = config.stash[SESSION]


def ours(contract: specs.Contract, defect: Defect | None, seed: int) -> Run:
    """`assay run CONTRACT --suite fuzz` with everything else at its default."""
    with _served(contract, defect) as server:
        request = running.Request(contract.name, str(server.target_path), suites=("fuzz",), seed=seed)
        taker, started = _Taker(), time.time()
        running.execute(request.arguments(), request, [Silence(), taker])
        seconds = time.time() - started
    session = taker.session
    paths = {f"{server.state.traits.base_path}{path}" for path in paid_paths(contract)}
    billed, calls, at = 0, 0, dict[str, tuple[int, float]]()
    for asked in session.journal.exchanges:
        calls += 1
        billed += judged(asked) and _costs(asked, paths)
        at[asked.id] = billed, _ended(asked) - started
    return Run(seconds, calls, billed, tuple(_found(session.figures.get("fuzz", {}), at)))


def _found(figures: Mapping[str, Any], at: Mapping[str, tuple[int, float]]) -> Iterator[Finding]:
    for kind in (figures, *(figures.get(name, {}) for name in KINDS)):
        for cause in kind.get("causes", ()):
            billed, seconds = at.get(cause["first"], max(at.values(), default=(0, 0.0)))  # not known: when all was done
            yield Finding(f"{cause['requirement']} {cause['signature']}", billed, seconds)


def _costs(asked: Exchange, paths: set[str]) -> bool:
    """Whether it may have been billed; what was left unread counts."""
    path = urlsplit(asked.request.url).path
    return asked.request.method == "POST" and path in paths and asked.head_status in {None, 200}


def _ended(asked: Exchange) -> float:
    return datetime.fromisoformat(asked.started).timestamp() + asked.end_ns / 1e9


@contextlib.contextmanager
def _served(contract: specs.Contract, defect: Defect | None) -> Iterator[Server]:
    gateway = Gateway()
    options = Options(control_token=trial.TOKEN)
    with Server(contract, defect.apply(gateway) if defect else gateway, options) as server:
        yield server
