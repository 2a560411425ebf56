"""Starts `assay run` for who asks on the page, as a process of its own, and stops what it started."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import specs
from harness.running.session import PROFILES, new_run_id

LOG = "run.log"
TOLD = 2000  # characters of the log's end that are shown
MOST = 4  # runs at a time: more would only measure each other


class Refused(ValueError):
    """What was asked for cannot be started; the message says what to give instead."""


@dataclass(frozen=True)
class Wish:
    """What the form asks for, as text."""

    contract: str
    target: str
    profile: str = "standard"
    only: str = ""

    def words(self) -> list[str]:
        """The command line after `assay run`. Raises Refused; nothing of it can be read as another option."""
        if self.contract not in specs.names():
            raise Refused(f"no contract {self.contract!r}; there are {', '.join(specs.names())}")
        if self.profile not in PROFILES:
            raise Refused(f"no profile {self.profile!r}; there are {', '.join(PROFILES)}")
        only = self.only.replace(",", " ").split()
        if unknown := [name for name in only if name not in specs.load(self.contract).requirements]:
            raise Refused(f"{self.contract} has no requirement {', '.join(unknown)}")
        chosen = [f"--only={name}" for name in only]
        return [self.contract, f"--target={self._target()}", f"--profile={self.profile}", *chosen]

    def _target(self) -> str:
        given = self.target.strip()
        with contextlib.suppress(ValueError, OSError):  # neither an address nor a path
            is_url = urlsplit(given).scheme in {"http", "https"}
            if given.isprintable() and (given == "mock" or is_url or Path(given).is_file()):
                return given
        raise Refused(f"{given!r} is no target: give a URL, the path of a target.toml, or the word mock")


@dataclass
class Starter:
    folder: Path
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)  # by the run's name

    def start(self, wish: Wish) -> str:
        """The name of the run. Raises Refused."""
        words = wish.words()
        if sum(process.poll() is None for process in self.started.values()) >= MOST:
            raise Refused(f"{MOST} runs are going already: wait for one, or stop one")
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        name = new_run_id(wish.contract, now)
        out = self.folder / name
        out.mkdir(parents=True)
        line = [sys.executable, "-m", "harness.cli", "run", *words, f"--out={out}"]
        with (out / LOG).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module; every word is checked above
                line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.started[name] = process
        return name

    def stop(self, name: str) -> None:
        """As Ctrl-C: the run keeps what it saw. A run that somebody else started is left alone."""
        process = self.started.get(name)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def is_going(self, name: str) -> bool:
        process = self.started.get(name)
        return process is not None and process.poll() is None

    def said(self, name: str) -> str:
        """The end of what a run of ours printed."""
        log = self.folder / name / LOG
        return log.read_text(encoding="utf-8", errors="replace")[-TOLD:] if name in self.started else ""

    def close(self) -> None:
        """Stop all that still goes, and wait until each has written what it saw."""
        for name in self.started:
            self.stop(name)
        for process in self.started.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
