"""`python -m mockserver.upstream`: the provider as a process of its own."""

from __future__ import annotations

import argparse
import ipaddress
import json
import logging
import sys
import threading
from pathlib import Path

import specs
from mockserver.__main__ import port, said, variable
from mockserver.serve import Options
from mockserver.upstream.faults import Script, read_script
from mockserver.upstream.provider import provider


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM. Returns 2 for a script or an option that cannot be used."""
    chosen = _parser().parse_args(arguments)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # a broken answer is what was asked for
    try:
        script = read_script(chosen.script, chosen.seed) if chosen.script else Script(seed=chosen.seed or 0)
        server = provider(script, _options(chosen), chosen.model, _key(chosen))
    except (specs.SpecError, OSError, ValueError) as error:
        print(f"error: {said(error, chosen.port)}", file=sys.stderr)  # noqa: T201
        return 2

    def announce() -> None:
        line = json.dumps({"ready": server.base_url, "port": server.port})
        print(line if chosen.json else f"ready {server.base_url}", flush=True)  # noqa: T201

    server.on_listening(threading.Thread(target=announce, daemon=True))
    server.run()
    return 0


def _options(chosen: argparse.Namespace) -> Options:
    return Options(
        host=chosen.host,
        port=chosen.port,
        control_token=variable("--control-token-env", chosen.control_token_env),
        ttft=chosen.ttft / 1000,
        itl=chosen.itl / 1000,
        tokens=chosen.tokens,
        seed=chosen.seed or 0,
    )


def _key(chosen: argparse.Namespace) -> str | None:
    """Beyond the loopback nobody is served without a key: the log holds prompts."""
    if not chosen.key_env and not ipaddress.ip_address(chosen.host).is_loopback:
        raise ValueError(f"--host {chosen.host} is open to others; name a key by --key-env")
    return variable("--key-env", chosen.key_env)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay upstream", description="An inference provider with scripted faults.")
    parser.add_argument("--script", type=Path, metavar="FILE", help="faults as YAML; see docs/billing.md")
    parser.add_argument("--port", type=port, default=0, help="0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; others than the loopback need a key")
    parser.add_argument(
        "--seed", type=int, help="of the answers and of the script's chance (default: the file's, or 0)"
    )
    parser.add_argument("--ttft", type=float, default=2, metavar="MS", help="time to the first token")
    parser.add_argument("--itl", type=float, default=1, metavar="MS", help="time between tokens")
    parser.add_argument("--tokens", type=int, metavar="N", help="length of every free answer")
    parser.add_argument("--model", action="append", default=[], metavar="ID", help="serve these ids only; repeatable")
    parser.add_argument("--key-env", metavar="NAME", help="environment variable with the one key that is taken")
    parser.add_argument("--control-token-env", metavar="NAME", help="switch log and faults on, with this token")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
