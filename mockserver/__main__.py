"""`python -m mockserver CONTRACT`: serve the reference mock, with or without named defects."""

from __future__ import annotations

import argparse
import errno
import gc
import json
import os
import re
import secrets
import signal
import sys
import threading
from pathlib import Path

import specs
from mockserver.defects import all_defects, find_defect
from mockserver.gateway import Gateway
from mockserver.serve import Options, Server

MIN_SECRET = 8  # characters of a key or token: the shortest that can be told from other text


class UnsetVariable(ValueError):
    """An option names an environment variable that holds no secret; the message says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM. Returns 2 for a contract, a defect or a target file that cannot be had."""
    chosen = _parser().parse_args(arguments)
    if chosen.list_defects:
        _print_defects(chosen.json)
        return 0
    try:
        gateway = _with_defects(chosen.defect)
        server = Server(specs.load(chosen.contract), gateway, _options(chosen))
    except (KeyError, specs.SpecError, UnsetVariable, OSError) as error:
        print(f"error: {said(error, chosen.port)}", file=sys.stderr)  # noqa: T201
        return 2
    return _serve(server, chosen.json)


def said(error: Exception, port: int) -> str:
    """Why it cannot serve, and what to do."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; choose another by --port, or --port 0 for a free one"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) if isinstance(error, OSError) else str(error.args[0])


def _serve(server: Server, as_json: bool) -> int:
    faults: list[OSError] = []

    def announce() -> None:
        try:
            server.announce()
        except OSError as fault:  # nobody could find it
            faults.append(fault)
            return server.stop()
        target = str(server.target_path) if server.target_path else None
        line = json.dumps({"ready": server.base_url, "port": server.port, "target": target})
        print(line if as_json else f"ready {server.base_url}", flush=True)  # noqa: T201
        return None

    # Thousands of live streams make full collections long; what exists now is never garbage.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    server.on_listening(threading.Thread(target=announce, daemon=True))
    server.run()
    for fault in faults:
        print(f"error: {said(fault, server.port)}", file=sys.stderr)  # noqa: T201
    return 2 if faults else 0


def _with_defects(names: list[str]) -> Gateway:
    gateway = Gateway()
    for name in names:
        gateway = find_defect(name).apply(gateway)
    return gateway


def _options(chosen: argparse.Namespace) -> Options:
    return Options(
        port=chosen.port,
        control_token=_token(chosen),
        target=chosen.write_target,
        ttft=chosen.ttft / 1000,
        itl=chosen.itl / 1000,
        tokens=chosen.tokens,
        state=chosen.state,
        seed=chosen.seed,
        trust=chosen.export_trust,
        tls=chosen.tls,
        upstream=chosen.upstream,
        upstream_key=variable("--upstream-key-env", chosen.upstream_key_env),
    )


def _token(chosen: argparse.Namespace) -> str | None:
    """The target file hands the token on, so whoever writes one need not show a token on the command line."""
    made = secrets.token_urlsafe(18) if chosen.write_target else None
    return chosen.control_token or made


def _print_defects(as_json: bool) -> None:
    rows = [
        {
            "name": d.name,
            "breaks": d.breaks,
            "also": d.also,
            "seen": d.seen,
            "contracts": d.contracts,
            "summary": d.summary,
        }
        for d in all_defects()
    ]
    if as_json:
        print(json.dumps(rows))  # noqa: T201
        return
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a pager that has seen enough is no error
    for row in rows:
        print(f"{row['name']:40} {','.join(row['breaks']):16} {row['summary']}")  # noqa: T201


def port(text: str) -> int:
    """An option's value; raises what argparse shows."""
    if not 0 <= (number := int(text)) <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not from 0 to 65535")
    return number


def variable(option: str, name: str | None) -> str | None:
    """What the environment variable holds that an option names; None without the option. Raises UnsetVariable."""
    if name is None:
        return None
    if len(value := os.environ.get(name, "")) >= MIN_SECRET:
        return value
    if not re.fullmatch("[A-Z_][A-Z0-9_]*", name):  # it may be the key itself, which no log should hold
        raise UnsetVariable(f"{option}: give the name of an environment variable in capitals, never the key itself")
    said = f"{name} has fewer than {MIN_SECRET} characters" if value else f"the environment has no {name}"
    raise UnsetVariable(f"{option}: {said}; export {name}=...")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay mock", description="The reference mock of a contract.")
    parser.add_argument("contract", nargs="?", default="voltagegpu-confidential")
    parser.add_argument("--port", type=port, default=0, help="0 takes a free port")
    parser.add_argument("--control-token", help="switch the control API on (--write-target alone makes a token)")
    parser.add_argument("--write-target", type=Path, metavar="FILE", help="target file to write once it listens")
    parser.add_argument("--defect", action="append", default=[], metavar="NAME", help="override one decision")
    parser.add_argument("--ttft", type=float, default=2, metavar="MS", help="time to the first token")
    parser.add_argument("--itl", type=float, default=1, metavar="MS", help="time between tokens")
    parser.add_argument("--tokens", type=int, metavar="N", help="length of every free answer")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep accounts and money here; mocks may share it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--export-trust", type=Path, metavar="DIR", help="where the test root and collateral go")
    parser.add_argument("--tls", action="store_true", help="speak HTTPS with a test certificate that evidence binds")
    parser.add_argument("--upstream", metavar="URL", help="a provider to ask, such as `assay upstream` (with /v1)")
    parser.add_argument("--upstream-key-env", metavar="NAME", help="environment variable with the key for it")
    parser.add_argument("--list-defects", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
