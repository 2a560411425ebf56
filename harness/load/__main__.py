"""`python -m harness.load SCENARIO --out FOLDER`: the generator. Writes load.json and load-exchanges.jsonl."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import gevent
import gevent.os
import locust  # noqa: F401 - before anything of ours: it replaces sockets, and what came first would keep the old ones

from harness.exchange import Headers
from harness.journal import Journal
from harness.load import runner
from harness.load.desk import Desk
from harness.load.figures import figures
from harness.load.scenario import Scenario, ScenarioError, read
from harness.model import Exit
from harness.redact import Redactor


def main() -> int:
    """Exit status: 0 measured, 2 bad invocation, 3 our own fault, 130 interrupted (what was measured is written)."""
    options = _options()
    try:
        text = sys.stdin.read() if options.scenario == "-" else Path(options.scenario).read_text(encoding="utf-8")
        scenario = read(text)
        headers = _headers(scenario)
    except (OSError, ScenarioError, KeyError) as error:
        print(f"harness.load: {error}", file=sys.stderr)  # noqa: T201 - a command
        return Exit.BAD_INVOCATION
    if options.leash:
        gevent.spawn(_end_with_parent)
    return _measure(Desk(scenario, headers), _redactor(scenario), options.out)


def _measure(desk: Desk, redactor: Redactor, out: Path) -> int:
    meter, code = runner.LagMeter(), 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        meter = runner.run(desk)
    except KeyboardInterrupt:
        code = 130
    measured = {**figures(desk.streams, meter.lags_ns, desk.scenario.users), "interrupted": code != 0}
    kept = out / "load-exchanges.jsonl"
    kept.unlink(missing_ok=True)  # a journal is only ever appended to
    journal = Journal(kept, redactor)
    for exchange in desk.exchanges():
        journal.append(exchange)
    journal.close()
    (out / "load.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.load", description="Reads many streams at once.")
    parser.add_argument("scenario", help="JSON file, or - for standard input")
    parser.add_argument("--out", type=Path, required=True, help="folder for load.json and load-exchanges.jsonl")
    parser.add_argument("--leash", action="store_true", help="end when standard input ends")
    return parser.parse_args()


def _headers(scenario: Scenario) -> Headers:
    own = (("Accept-Encoding", "identity"), ("Content-Type", "application/json"), *scenario.headers)
    if scenario.credential is None:
        return own
    if not (token := os.environ.get(scenario.credential)):
        raise ScenarioError(f"the environment has no {scenario.credential}")
    return (*own, (scenario.credential_header, scenario.credential_word + token))


def _redactor(scenario: Scenario) -> Redactor:
    redactor = Redactor()
    if scenario.credential is not None:
        redactor.add(scenario.credential, os.environ[scenario.credential])
    return redactor


def _end_with_parent() -> None:
    """A parent that was killed cannot stop us: its end of the pipe closes instead."""
    while gevent.os.tp_read(0, 1024):
        pass
    os._exit(Exit.HARNESS_FAULT)


if __name__ == "__main__":
    sys.exit(main())
