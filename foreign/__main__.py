"""`python -m foreign [NAME...]`: judge servers nobody here wrote. What they get wrong is a result, not a failure."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from foreign import aimock, litellm
from foreign.deployment import Deployment
from foreign.install import NotInstallable
from foreign.process import NotStarted

SERVERS: dict[str, Callable[[Path, Path], AbstractContextManager[Deployment]]] = {
    "litellm": litellm.deployed,
    "aimock": aimock.deployed,
}
JUDGED = (0, 1, 4)  # conforms, does not, incomplete: each is an answer about the server


def main(arguments: list[str] | None = None) -> int:
    """0 when every server was judged or could not be installed, 3 when one could not be started or judged."""
    chosen = _parser().parse_args(arguments)
    wanted = list(dict.fromkeys(chosen.servers or SERVERS))
    return max(_judge(name, chosen) for name in wanted)


def _judge(name: str, chosen: argparse.Namespace) -> int:
    out = (chosen.out / f"foreign-{name}").resolve()
    shutil.rmtree(out, ignore_errors=True)  # nothing of an earlier run may pass for evidence of this one
    out.mkdir(parents=True)
    try:
        with SERVERS[name](out, (chosen.prefix / f"foreign-{name}").resolve()) as deployment:
            _say(f"{deployment.name} at {deployment.base_url}")
            return _assay(deployment.write_target(out), out, chosen.more)
    except NotInstallable as error:
        _say(f"{name}: skipped, it could not be installed. {error}")
        return 0
    except NotStarted as error:
        _say(f"{name}: not judged, it did not start. {error}")
        return 3


def _assay(target: Path, out: Path, more: list[str]) -> int:
    line = [sys.executable, "-m", "harness.cli", "run", "openai-core", f"--target={target}", f"--out={out}", *more]
    code = subprocess.call(line)  # noqa: S603 - our own command
    return 0 if code in JUDGED else 3


def _say(text: str) -> None:
    print(f"foreign: {text}", flush=True)  # noqa: T201 - a command prints


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="foreign", description=__doc__)
    parser.add_argument("servers", nargs="*", choices=[*SERVERS, []], help="which servers (default: all)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where the runs go (default: out)")
    parser.add_argument("--prefix", type=Path, default=Path(".nox"), help="where servers are installed (default: .nox)")
    parser.add_argument("--more", nargs=argparse.REMAINDER, default=[], help="further options of `assay run`; last")
    return parser


if __name__ == "__main__":
    sys.exit(main())
