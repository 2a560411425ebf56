"""The runs and loads in a folder: which there are, which are still going, and what each has told so far."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import specs
from harness import results
from harness.running import chronicle
from specs.problems import problems

LOADS = ("sweep.json", "load.json")  # what `assay load` leaves; a sweep stands for all its steps
MOST_PID = 2**31 - 1
_HALF = re.compile("[\ud800-\udfff]")  # what Python makes of bytes in a name that are not UTF-8


class NoSuchRun(KeyError):
    """A name that is no run and no load of the folder."""


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
        """Lines that are complete and can be read, with their numbers, from the one after `after`."""
        path = self.folder / chronicle.NAME
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for number, line in enumerate(text.split("\n")[:-1], start=1):
            if number > after and (row := _told(line)) is not None:
                yield number, row

    def is_alive(self) -> bool:
        """Whether the process that writes it still runs; a run that was killed says nothing of its end."""
        started = next((row for _, row in self.progress() if row["kind"] == "started"), None)
        pid = None if started is None else started.get("pid")
        if self.is_finished or not isinstance(pid, int) or not 0 < pid <= MOST_PID:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def _told(line: str) -> dict[str, Any] | None:
    """One line of a chronicle; None for what no run of ours has written."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("kind"), str) else None


@dataclass(frozen=True)
class Load:
    """A load, or a sweep of several."""

    name: str  # its folder, below the archive's
    folder: Path

    @property
    def changed(self) -> float:
        return next(path.stat().st_mtime for path in map(self.folder.joinpath, LOADS) if path.is_file())

    def figures(self) -> Mapping[str, Any]:
        """Raises BadResults."""
        found = load_in(self.folder)
        assert found is not None
        return found


def load_in(folder: Path) -> Mapping[str, Any] | None:
    """What an `assay load` left in a folder: the sweep where it was one. None where it left nothing. BadResults."""
    path = next((path for path in map(folder.joinpath, LOADS) if path.is_file()), None)
    if path is None:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise results.BadResults(f"{path}: not JSON: {error}; expected what assay load wrote") from error
    if wrong := next(iter(problems(found, specs.schema("load"))), None):
        raise results.BadResults(f"{path}: {wrong}; expected what assay load wrote")
    return dict(found)


Listed = TypeVar("Listed", Run, Load)


class Archive:
    """Knows runs by name only: no path of a request ever reaches the file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def runs(self) -> list[Run]:
        """Newest first."""
        found = self._holding("results.json", chronicle.NAME)
        made = [Run(folder.relative_to(self.folder).as_posix(), folder) for folder in found]
        return sorted(made, key=lambda run: (-run.changed, run.name))

    def _holding(self, *names: str) -> set[Path]:
        """Folders with such a file. One whose name is no text can have no address, and is left out."""
        found = {path.parent for name in names for path in self.folder.rglob(name)}
        return {folder for folder in found if not _HALF.search(str(folder))}

    def run(self, name: str) -> Run:
        """Raises NoSuchRun."""
        return _named(self.runs(), name)

    def loads(self) -> list[Load]:
        """Newest first; each step of a sweep by itself too. Not those of a run's own suite: its report has them."""
        found = self._holding(*LOADS)
        within = {run.folder for run in self.runs()}
        alone = [folder for folder in found if within.isdisjoint({folder, *folder.parents})]
        made = [Load(folder.relative_to(self.folder).as_posix(), folder) for folder in alone]
        return sorted(made, key=lambda load: (-load.changed, load.name))

    def load(self, name: str) -> Load:
        """Raises NoSuchRun."""
        return _named(self.loads(), name)


def _named(listed: Sequence[Listed], name: str) -> Listed:
    found = next((each for each in listed if each.name == name), None)
    if found is None:
        raise NoSuchRun(name)
    return found
