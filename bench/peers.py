"""Programs of others that a bench compares with: each in an environment of its own, made once, versions pinned."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOME = Path(os.environ.get("ASSAY_BENCH_PEERS", Path(__file__).parents[1] / ".nox" / "bench-peers"))
PYTHONS = ("python3.12", "python3.13", "python3.11")  # some of them do not install everywhere


class Unusable(RuntimeError):
    """This peer cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """What pip or npm is asked for. `bare` leaves its dependencies out and installs `beside` instead."""

    packages: tuple[str, ...]
    bare: bool = False
    beside: tuple[str, ...] = ()
    node: bool = False


PEERS = {
    "aiperf": Peer(("aiperf==0.13.0",)),
    "guidellm": Peer(("guidellm==0.8.1",)),
    "inference-perf": Peer(("inference-perf==0.7.0",)),
    # Its bench client alone: what it depends on is an engine of several gigabytes for a GPU.
    "vllm": Peer(("vllm==0.33.0",), bare=True, beside=("aiohttp", "numpy", "tqdm", "transformers", "pillow")),
    "litellm": Peer(("litellm[proxy]==1.106.2",)),
    "aimock": Peer(("@copilotkit/aimock@1.43.0",), node=True),
    "prism": Peer(("@stoplight/prism-cli@5.14.2",), node=True),
}


def bin_of(name: str | None) -> Path:
    """The folder of the peer's programs, installed when it is first asked for. None is us. Raises Unusable."""
    if name is None:
        return Path(sys.executable).parent
    folder, peer = HOME / name, PEERS[name]
    ready = folder / "installed"
    if not ready.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (_npm if peer.node else _pip)(folder, peer)
        ready.write_text("\n".join(peer.packages) + "\n")
    return folder / "node_modules" / ".bin" if peer.node else folder / "bin"


def _pip(folder: Path, peer: Peer) -> None:
    python = next(filter(None, map(_working, PYTHONS)), sys.executable)
    _run([python, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
    _run([*pip, *(["--no-deps"] if peer.bare else []), *peer.packages])
    if peer.beside:
        _run([*pip, *peer.beside])


def _working(name: str) -> str | None:
    """A program of that name which runs: a shim of pyenv may be there and not work."""
    found = shutil.which(name)
    works = found and subprocess.run([found, "-V"], capture_output=True, check=False).returncode == 0
    return found if works else None


def _npm(folder: Path, peer: Peer) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unusable("npm is not installed")
    _run([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", *peer.packages])


def _run(line: list[str]) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unusable(f"it could not be installed: {' '.join(said)}")
