"""Installs a foreign server into a folder of its own. Never touches the environment it is called from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


class NotInstallable(Exception):
    """The registry does not give us the server; the message ends with what the installer said."""


def with_pip(folder: Path, *requirements: str) -> Path:
    """The `bin` folder of a virtual environment that holds exactly these requirements."""
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    marker = folder / "installed.txt"
    wanted = "\n".join(requirements)
    if not _is_there(marker, wanted):
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(scripts / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
        marker.write_text(wanted)
    return scripts


def with_npm(folder: Path, package: str) -> Path:
    """The folder of the package's commands."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstallable("there is no npm on this machine; install Node.js 20 or newer")
    marker = folder / "installed.txt"
    if not _is_there(marker, package):
        folder.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), package])
        marker.write_text(package)
    return folder / "node_modules" / ".bin"


def _is_there(marker: Path, wanted: str) -> bool:
    return marker.is_file() and marker.read_text() == wanted


def _run(line: list[str]) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603 - lines of this file
    if done.returncode != 0:
        last = [text for text in done.stderr.splitlines() if text.strip()][-3:]
        raise NotInstallable(f"{' '.join(line[:4])} ... failed: " + " / ".join(last)[-600:])
