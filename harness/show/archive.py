"""The runs in a folder: which there are, which are still going, and what each has told so far."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import chronicle, results


class NoSuchRun(KeyError):
    """A name that is no run of the folder."""


@dataclass(frozen=True)
class Run:
    name: str  # the folder of the run, below the archive's
    folder: Path

    @property
    def is_finished(self) -> bool:
        return (self.folder / "results.json").is_file()

    @property
    def changed(self) -> float:
        """When it was last written to, in seconds of the clock; the newest comes first in a list."""
        files = (self.folder / "results.json", self.folder / chronicle.NAME, self.folder)
        return next(path.stat().st_mtime for path in files if path.exists())

    def results(self) -> Mapping[str, Any]:
        """Raises BadResults."""
        return results.read(self.folder)

    def progress(self, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """Lines that are complete, with their numbers, from the one after `after`."""
        path = self.folder / chronicle.NAME
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for number, line in enumerate(text.split("\n")[:-1], start=1):
            if number > after:
                yield number, json.loads(line)

    def is_alive(self) -> bool:
        """Whether the process that writes it still runs; a run that was killed says nothing of its end."""
        started = next((row for _, row in self.progress() if row["kind"] == "started"), None)
        if started is None or self.is_finished:
            return False
        try:
            os.kill(int(started["pid"]), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


class Archive:
    """Knows runs by name only: no path of a request ever reaches the file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def runs(self) -> list[Run]:
        """Newest first."""
        found = {path.parent for name in ("results.json", chronicle.NAME) for path in self.folder.rglob(name)}
        made = [Run(folder.relative_to(self.folder).as_posix(), folder) for folder in found]
        return sorted(made, key=lambda run: (-run.changed, run.name))

    def run(self, name: str) -> Run:
        """Raises NoSuchRun."""
        for run in self.runs():
            if run.name == name:
                return run
        raise NoSuchRun(name)
