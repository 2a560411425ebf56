"""`python -m harness.load SCENARIO --out FOLDER`: the generator. Writes load.json, requests.csv and what was kept.

`--workers N` starts N more of itself on this machine and gathers; `--await N` waits for N that `--join` from others.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import gevent.os
import locust  # noqa: F401 - before anything of ours: it replaces sockets, and what came first would keep the old ones
from locust.env import Environment

from harness.load import crew, runner, web
from harness.load.desk import Desk
from harness.load.gathering import Gathering, row
from harness.load.permission import NotAllowed, Permission
from harness.load.scenario import Scenario, ScenarioError, read
from harness.model import Exit
from harness.redact import Redactor
from harness.wire.exchange import Headers
from harness.wire.exchange import to_json as exchange_to_json
from harness.wire.recording import redacted

JOIN_S = 60.0


def main() -> int:
    """Exit status: 0 measured, 2 bad invocation, 3 our own fault, 130 interrupted (what was measured is written)."""
    options = _options()
    redactor = Redactor()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    if options.leash:
        gevent.spawn(_end_with_parent)
    try:
        if options.join:
            crew.load(_address(options.join), _permission(options), lambda told: _headers(told, redactor), redactor)
            return Exit.CONFORMS
        text = sys.stdin.read() if options.scenario == "-" else Path(options.scenario).read_text(encoding="utf-8")
        scenario = read(text)
        headers = _headers(scenario, redactor)
    except (OSError, ScenarioError, NotAllowed, KeyError, ConnectionError) as error:
        return _refused(str(error))
    except KeyboardInterrupt:
        return 130
    return _measure(scenario, headers, redactor, options)


def _refused(why: str) -> int:
    print(f"harness.load: {why}", file=sys.stderr)  # noqa: T201 - a command
    return Exit.BAD_INVOCATION


def _measure(scenario: Scenario, headers: tuple[Headers, ...], redactor: Redactor, options: argparse.Namespace) -> int:
    gathering, code = Gathering(scenario, options.out), 0
    try:
        if options.workers or options.awaited:
            bind = _address(options.bind)
            with _local_workers(options.workers, bind[1], options.out):
                many = options.workers or options.awaited
                crew.gather(scenario, gathering, bind, many, options.patience)
        else:
            _alone(Desk(scenario, *headers), gathering, redactor, options.web)
    except KeyboardInterrupt:
        code = 130
    except crew.NoCrew as error:
        return _refused(str(error))
    gathering.close(interrupted=code != 0)
    return code


def _alone(desk: Desk, gathering: Gathering, redactor: Redactor, page: str | None) -> None:
    made: Environment = runner.environment()
    local = made.create_local_runner()
    if page:
        web.show(made, gathering, *_address(page))

    def hand_over() -> None:
        tally, rows = desk.handed_over()
        gathering.tally.merge(tally)
        gathering.take_rows(row(stream) for stream in rows)

    gauge = None
    try:
        gauge = runner.run(desk, local, hand_over)
    finally:
        local.quit()
        hand_over()
        if gauge is not None:
            gathering.cpu_s["alone"] = gauge.cpu_s
        kept = (redacted(exchange, redactor) for exchange in desk.exchanges())
        gathering.take_lines(json.dumps(exchange_to_json(x), separators=(",", ":")) for x in kept)


@contextlib.contextmanager
def _local_workers(count: int, port: int, out: Path) -> Iterator[None]:
    """So many generators on this machine. They end with us, whatever happens."""
    line = [sys.executable, "-m", "harness.load", "-", f"--out={out}", f"--join=127.0.0.1:{port}", "--leash"]
    started = [
        subprocess.Popen(line, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own module
        for _ in range(count)
    ]
    (out / "workers").write_text("".join(f"{process.pid}\n" for process in started))
    try:
        yield
        for process in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
    finally:
        for process in started:
            process.kill()
            process.wait()
        (out / "workers").unlink(missing_ok=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.load", description="Reads many streams at once.")
    parser.add_argument("scenario", help="JSON file, or - for standard input", nargs="?", default="-")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is measured")
    parser.add_argument("--leash", action="store_true", help="end when standard input ends")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="generators to start on this machine")
    parser.add_argument("--await", dest="awaited", type=int, default=0, metavar="N", help="generators that will join")
    parser.add_argument("--bind", default="127.0.0.1:5557", metavar="HOST:PORT", help="where they join")
    parser.add_argument("--join", metavar="HOST:PORT", help="be one of them")
    parser.add_argument("--only-to", metavar="URL", help="with --join: the base URL that requests may go to")
    parser.add_argument("--only-key", action="append", default=[], metavar="NAME", help="and a key they may hold")
    parser.add_argument("--ca-bundle", metavar="FILE", help="and whom to trust there")
    parser.add_argument("--patience", type=float, default=JOIN_S, metavar="S", help="how long to wait for them")
    parser.add_argument("--web", metavar="HOST:PORT", help="show locust's page while it loads")
    return parser.parse_args()


def _permission(options: argparse.Namespace) -> Permission | None:
    """None where the master is our own parent, or a test's."""
    if options.only_to is None:
        return None
    return Permission(options.only_to, frozenset(options.only_key), options.ca_bundle)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _headers(scenario: Scenario, redactor: Redactor) -> tuple[Headers, ...]:
    """The request headers of each key; the redactor knows the keys from here on. Raises ScenarioError."""
    own = (("Accept-Encoding", "identity"), ("Content-Type", "application/json"), *scenario.headers)
    return tuple(_with_key(scenario, own, name, redactor) for name in scenario.credentials)


def _with_key(scenario: Scenario, own: Headers, name: str | None, redactor: Redactor) -> Headers:
    if name is None:
        return own
    if not (token := os.environ.get(name)):
        raise ScenarioError(f"the environment has no {name}")
    redactor.add(name, token)
    return (*own, (scenario.credential_header, scenario.credential_word + token))


def _end_with_parent() -> None:
    """A parent that was killed cannot stop us: its end of the pipe closes instead."""
    while gevent.os.tp_read(0, 1024):
        pass
    os._exit(Exit.HARNESS_FAULT)


if __name__ == "__main__":
    sys.exit(main())
